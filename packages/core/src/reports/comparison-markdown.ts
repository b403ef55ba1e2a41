import type { ComparisonReport, ExampleAnswer } from "../evaluation/comparison-report.ts";
import { codeBlock, escapeMarkdown } from "./escape-markdown.ts";
import {
  formatChange,
  formatInterval,
  formatMetricValue,
  formatMilliseconds,
  formatScore,
  formatUsd,
  MISSING,
} from "./format-number.ts";
import { RECOMMENDATION_WORDS } from "./recommendation-words.ts";

const REGRESSIONS_SHOWN = 3;

/** The comparison for a pull request or a chat: verdict, table, worst examples. */
export function comparisonMarkdown(report: ComparisonReport): string {
  const sections = [
    `## ${RECOMMENDATION_WORDS[report.recommendation].title}: ${escapeMarkdown(report.agent)} ${escapeMarkdown(report.candidate.version)} against ${escapeMarkdown(report.baseline?.version ?? "no baseline")}`,
    escapeMarkdown(report.sentence),
    report.reasons.map((reason) => `- ${escapeMarkdown(reason)}`).join("\n"),
    metricTable(report),
    resourceTable(report),
    failures(report),
    worst(report),
    `<sub>Evaluation ${escapeMarkdown(report.evaluationId)} · dataset ${report.dataset.fingerprint} · evidence ${report.evidenceHash}</sub>`,
  ];
  return `${sections.filter((section) => section !== "").join("\n\n")}\n`;
}

function metricTable(report: ComparisonReport): string {
  const lines = [
    "| metric | weight | baseline | candidate | change | interval | won / tied / lost |",
    "|---|---:|---:|---:|---:|---:|---:|",
    `| **overall** | 1 | ${formatScore(report.baselineScore)} | **${formatScore(report.candidateScore)}** | **${formatChange(report.improvementPct, report.improvementUnit)}** | ${formatInterval(report.interval, report.improvementUnit)} | ${MISSING} |`,
  ];
  for (const metric of report.metrics) {
    const mean = (value: number | null) => formatMetricValue(metric, value);
    const mark =
      metric.degraded === "confirmed"
        ? " ⚠ degraded"
        : metric.degraded === "unconfirmed"
          ? " ⚠ unconfirmed"
          : "";
    const counts = report.baseline ? `${metric.wins} / ${metric.ties} / ${metric.losses}` : MISSING;
    lines.push(
      `| ${escapeMarkdown(metric.name)} | ${metric.weight} | ${mean(metric.baselineMean)} | ${mean(metric.candidateMean)} | ${formatChange(metric.changePct, metric.unit)}${mark} | ${formatInterval(metric.interval, metric.unit)} | ${counts} |`,
    );
  }
  return lines.join("\n");
}

function resourceTable(report: ComparisonReport): string {
  const { latency, cost, coverage } = report;
  const line = (label: string, arm: "candidate" | "baseline") => {
    const [time, price, calls] = [latency[arm], cost[arm], coverage[arm]];
    return `| ${label} | ${formatMilliseconds(time?.p50Ms ?? null)} | ${formatMilliseconds(time?.p95Ms ?? null)} | ${formatUsd(price?.usd ?? null)} | ${calls?.answered ?? MISSING} of ${calls?.asked ?? MISSING} |`;
  };
  return [
    "| model | p50 | p95 | cost | answered |",
    "|---|---:|---:|---:|---:|",
    ...(report.baseline ? [line("baseline", "baseline")] : []),
    line("candidate", "candidate"),
  ].join("\n");
}

function failures(report: ComparisonReport): string {
  const lines = [
    ...report.errors.map(
      (error) => `- ${error.arm}: ${error.count} × ${error.code} (${escapeMarkdown(error.message)})`,
    ),
    ...report.coverage.missing.map(
      (entry) =>
        `- ${entry.arm}: ${entry.metric} missing on ${entry.count} (${escapeMarkdown(entry.reason)})`,
    ),
  ];
  return lines.length === 0 ? "" : `**Failed or missing**\n\n${lines.join("\n")}`;
}

function worst(report: ComparisonReport): string {
  const shown = report.regressions.slice(0, REGRESSIONS_SHOWN);
  if (shown.length === 0) return "";
  const answer = (given: ExampleAnswer | null) =>
    codeBlock(given?.text ?? `(no answer: ${given?.failure ?? "unknown"})`);
  const examples = shown.map(
    (example) =>
      `<details><summary>${escapeMarkdown(example.exampleId)} (${formatChange((example.difference ?? 0) * 100, "points")})</summary>\n\nInput\n\n${codeBlock(example.input)}\n\nBaseline\n\n${answer(example.baseline)}\n\nCandidate\n\n${answer(example.candidate)}\n\n</details>`,
  );
  const hidden = report.regressions.length - shown.length;
  return `**Regressions**\n\n${examples.join("\n")}${hidden > 0 ? `\n\nand ${hidden} more in the full report.` : ""}`;
}
