import type { ComparisonReport } from "../evaluation/comparison-report.ts";
import type { RecommendationRequirement } from "./assert-recommendation.ts";
import { assertRecommendation } from "./assert-recommendation.ts";
import { formatChange, formatInterval, formatMetricValue } from "./format-number.ts";
import { escapeHtml } from "./safe-html.ts";

/**
 * The comparison as JUnit XML for a CI server: one case for the recommendation, one per metric (a confirmed degradation
 * fails it, an unconfirmed one is skipped), one per cause of failed calls.
 */
export function comparisonJunit(report: ComparisonReport, requirement: RecommendationRequirement): string {
  const suite = `modelops.${report.agent}`;
  const cases = [
    testCase(suite, "recommendation", recommendationResult(report, requirement), report.durationMs / 1000),
    ...report.metrics.map((metric) => {
      const text = `${formatMetricValue(metric, metric.baselineMean)} to ${formatMetricValue(metric, metric.candidateMean)}, ${formatChange(metric.changePct, metric.unit)} (${formatInterval(metric.interval, metric.unit)})`;
      const result =
        metric.degraded === "confirmed"
          ? failure("degraded", text)
          : metric.degraded === "unconfirmed"
            ? `<skipped message="${escapeHtml(`degraded without enough evidence: ${text}`)}"/>`
            : `<system-out>${escapeHtml(text)}</system-out>`;
      return testCase(suite, `metric ${metric.name}`, result, 0);
    }),
    ...report.errors.map((error) =>
      testCase(
        suite,
        `${error.arm} calls: ${error.code}`,
        failure(error.code, `${error.count} call${error.count === 1 ? "" : "s"}: ${error.message}`),
        0,
      ),
    ),
  ];
  const failed = cases.filter((entry) => entry.includes("<failure")).length;
  const skipped = cases.filter((entry) => entry.includes("<skipped")).length;
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites><testsuite name="${escapeHtml(suite)}" tests="${cases.length}" failures="${failed}" errors="0" skipped="${skipped}" time="${report.durationMs / 1000}" timestamp="${report.completedAt}">
${cases.join("\n")}
</testsuite></testsuites>
`;
}

function recommendationResult(report: ComparisonReport, requirement: RecommendationRequirement): string {
  try {
    assertRecommendation(report, requirement);
    return `<system-out>${escapeHtml(report.sentence)}</system-out>`;
  } catch (error) {
    return failure("recommendation", error instanceof Error ? error.message : String(error));
  }
}

function failure(type: string, text: string): string {
  return `<failure type="${escapeHtml(type)}" message="${escapeHtml(text)}"/>`;
}

function testCase(suite: string, name: string, result: string, seconds: number): string {
  return `<testcase classname="${escapeHtml(suite)}" name="${escapeHtml(name)}" time="${seconds}">${result}</testcase>`;
}
