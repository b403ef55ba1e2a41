import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ComparisonReport } from "../evaluation/comparison-report.ts";
import { HOSTILE_TEXT, sampleReport } from "./__fixtures__/comparison-report-sample.ts";
import { assertRecommendation } from "./assert-recommendation.ts";
import { niceTicks } from "./charts/axis.ts";
import { intervalPlot } from "./charts/interval-plot.ts";
import { comparisonHtml } from "./comparison-html.ts";
import { comparisonJunit } from "./comparison-junit.ts";
import { comparisonMarkdown } from "./comparison-markdown.ts";
import { formatChange, formatMetricValue, formatScore, formatUsd } from "./format-number.ts";
import { readReport } from "./read-report.ts";
import { html } from "./safe-html.ts";
import { writeReports } from "./write-reports.ts";

const report = await sampleReport();

test("writes three files, the JSON being the report itself", async () => {
  const folder = await mkdtemp(join(tmpdir(), "modelops-reports-"));
  try {
    const files = await writeReports(report, join(folder, "new", "folder"));
    expect(JSON.parse(await readFile(files.json, "utf8"))).toEqual(JSON.parse(JSON.stringify(report)));
    expect(await readFile(files.markdown, "utf8")).toBe(comparisonMarkdown(report));
    expect(await readFile(files.html, "utf8")).toBe(comparisonHtml(report));
    const file = join(folder, "file");
    await writeFile(file, "");
    await expect(writeReports(report, file)).rejects.toMatchObject({ code: "evaluation/report-not-written" });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("reads its own JSON back and refuses another version or another file", () => {
  const json = JSON.stringify(report);
  expect(readReport(json)).toEqual(JSON.parse(json));
  for (const text of [
    "{",
    "[]",
    '{"a":1}',
    json.replace("modelops-comparison/v1", "modelops-comparison/v9"),
  ]) {
    expect(() => readReport(text)).toThrow(expect.objectContaining({ code: "evaluation/not-a-report" }));
  }
});

test("no text of a model becomes markup, in any report", () => {
  const page = comparisonHtml(report);
  expect(page).not.toMatch(/<script|<img|onerror=alert\(2\)>/);
  expect(page).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
  expect(page).not.toContain("\u0000");
  expect(page).not.toMatch(/[\u202a-\u202e]/);
  expect(page).not.toMatch(/https?:\/\//);

  const dataset = { ...report.dataset, ref: "file:/home/ada/held-out.jsonl" };
  expect(comparisonHtml({ ...report, dataset })).toContain("120 examples of file:held-out.jsonl");
  expect(comparisonHtml({ ...report, dataset })).not.toContain("/home/ada");

  const markdown = comparisonMarkdown({ ...report, sentence: HOSTILE_TEXT });
  const outsideOfCode = markdown.replaceAll(/^(`{3,})text\n[\s\S]*?\n\1$/gm, "");
  expect(outsideOfCode).not.toContain("<script");
  expect(outsideOfCode).not.toMatch(/@here|\]\(javascript/);

  const junit = comparisonJunit({ ...report, sentence: HOSTILE_TEXT }, { atLeast: "deploy" });
  expect(junit).not.toContain("<script");
});

test("the Markdown tells verdict, numbers and failures", () => {
  const lines = comparisonMarkdown(report).split("\n");
  expect(lines[0]).toBe("## Deploy as a canary: feature\\_dev v1.1.0 against v1.0.0");
  expect(lines).toContain(
    "| accuracy | 0.7 | 0.667 | 0.900 | +35.0\u00a0% | +19.0 to +51.0\u00a0% | 36 / 76 / 8 |",
  );
  expect(lines).toContain("- candidate: 1 × model/failed (The model threw Error.)");
});

test("a report without a baseline shows dashes, not zeros", () => {
  const alone: ComparisonReport = {
    ...report,
    baseline: null,
    baselineScore: null,
    improvementPct: null,
    interval: null,
    recommendation: "needs_review",
    regressions: [],
    improvements: [],
    coverage: { ...report.coverage, baseline: null },
    cost: { ...report.cost, baseline: null },
    latency: { ...report.latency, baseline: null },
    tokens: { ...report.tokens, baseline: null },
    metrics: report.metrics.map((metric) => ({
      ...metric,
      baselineMean: null,
      changePct: null,
      interval: null,
    })),
  };
  expect(comparisonMarkdown(alone)).toContain("| **overall** | 1 | – | **0.908** | **–** | – | – |");
  expect(comparisonHtml(alone)).not.toContain("NaN");
});

test("JUnit fails the recommendation case below the requirement, and only then", () => {
  expect(comparisonJunit(report, { atLeast: "deploy_canary" })).toContain(
    '<testcase classname="modelops.feature_dev" name="recommendation"',
  );
  const failures = (xml: string) => Number(/failures="(\d+)"/.exec(xml)?.[1]);
  // One failed call is a failed case of its own.
  expect(failures(comparisonJunit(report, { atLeast: "deploy_canary" }))).toBe(1);
  expect(failures(comparisonJunit(report, { atLeast: "deploy" }))).toBe(2);
});

test("assertRecommendation orders the outcomes", () => {
  const outcomes = ["reject", "insufficient_data", "needs_review", "deploy_canary", "deploy"] as const;
  for (const [index, recommendation] of outcomes.entries()) {
    for (const [other, atLeast] of outcomes.entries()) {
      const check = () => assertRecommendation({ ...report, recommendation }, { atLeast });
      if (index >= other) expect(check).not.toThrow();
      else expect(check).toThrow(expect.objectContaining({ code: "evaluation/recommendation-below" }));
    }
  }
});

test("an interval that leaves the axis ends in an arrow and keeps its numbers", () => {
  const plot = intervalPlot({
    id: "p",
    layout: "page",
    title: "t",
    description: "d",
    axisLabel: "a",
    marks: [],
    rows: [
      { label: "overall", value: 20, low: 10, high: 30, isMain: true, text: "main" },
      { label: "wild", value: 1800, low: 900, high: 2700, isMain: false, text: "+1800 %" },
    ],
  }).markup;
  expect(plot.match(/class="arrow"/g)).toHaveLength(1);
  expect(plot).toContain("+1800 %");
  expect(plot).not.toMatch(/NaN|Infinity/);
});

test("numbers are written for people", () => {
  expect(formatChange(-3.70662, "percent")).toBe("−3.7\u00a0%");
  expect(formatChange(0.01, "points")).toBe("±0.0\u00a0points");
  expect(formatScore(null)).toBe("–");
  expect(formatMetricValue({ name: "cost_usd", kind: "raw" }, 0.0000042)).toBe("$0.0000042");
  expect(formatMetricValue({ name: "latency_ms", kind: "raw" }, 242.8)).toBe("243 ms");
  expect(formatMetricValue({ name: "total_tokens", kind: "raw" }, 1234.5)).toBe("1,234.5");
  expect(formatMetricValue({ name: "cost_usd", kind: "score" }, 0.5)).toBe("0.500");
  expect([0, 0.0000001, 0.00012, 0.123, 12.345].map(formatUsd)).toEqual([
    "$0",
    "< $0.000001",
    "$0.00012",
    "$0.12",
    "$12.35",
  ]);
  expect(niceTicks(-7, 33, 6)).toEqual([-10, 0, 10, 20, 30, 40]);
  expect(html`<b title="${'"x"'}">${"<i>"}</b>`.markup).toBe('<b title="&quot;x&quot;">&lt;i&gt;</b>');
});
