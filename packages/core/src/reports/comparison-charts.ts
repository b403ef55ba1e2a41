import type { ComparisonReport } from "../evaluation/comparison-report.ts";
import { type BarPair, barPairs } from "./charts/bar-pairs.ts";
import { type IntervalRow, intervalPlot } from "./charts/interval-plot.ts";
import { CHART_LAYOUTS, type ChartLayout } from "./charts/layout.ts";
import { formatChange, formatInterval, formatMilliseconds, formatScore, formatUsd } from "./format-number.ts";
import { html, type SafeHtml } from "./safe-html.ts";

/** The same chart once for each layout; the style sheet shows the one that fits. */
function inEachLayout(draw: (layout: ChartLayout) => SafeHtml): SafeHtml {
  return html`${CHART_LAYOUTS.map(draw)}`;
}

/** Change of the composite and of each metric with its interval; null without a baseline. */
export function changeChart(report: ComparisonReport): SafeHtml | null {
  const { improvementPct, improvementUnit, interval } = report;
  if (improvementPct === null || interval === null) return null;
  const rows: IntervalRow[] = [
    {
      label: "overall",
      value: improvementPct,
      low: interval.lowPct,
      high: interval.highPct,
      isMain: true,
      text: changeText(improvementPct, interval, improvementUnit),
    },
  ];
  for (const metric of report.metrics) {
    if (metric.changePct === null || metric.interval === null) continue;
    rows.push({
      label: metric.name,
      value: metric.changePct,
      low: metric.interval.lowPct,
      high: metric.interval.highPct,
      isMain: false,
      text: changeText(metric.changePct, metric.interval, metric.unit),
    });
  }
  const { deployAbove, canaryFrom } = report.thresholds;
  return inEachLayout((layout) =>
    intervalPlot({
      id: "change",
      layout,
      title: "Change against the baseline",
      description: rows.map((row) => `${row.label}: ${row.text}`).join("; "),
      axisLabel: "better than the baseline by (percent; pt: points)",
      rows,
      marks: [
        { value: canaryFrom * 100, label: `canary ${canaryFrom * 100} %` },
        { value: deployAbove * 100, label: `deploy ${deployAbove * 100} %` },
      ],
    }),
  );
}

/** Beside a chart there is room for about 34 characters: points take the short form. */
function changeText(
  value: number,
  interval: { readonly lowPct: number; readonly highPct: number },
  unit: "percent" | "points",
): string {
  const full = `${formatChange(value, unit)} (${formatInterval(interval, unit)})`;
  return unit === "percent" ? full : full.replaceAll("points", "pt");
}

/** Mean score of each metric on both models, from 0 to 1. */
export function scoreChart(report: ComparisonReport): SafeHtml {
  const entry = (value: number | null) => (value === null ? null : { value, text: formatScore(value) });
  const pairs: BarPair[] = [
    { label: "overall", candidate: entry(report.candidateScore), baseline: entry(report.baselineScore) },
    ...report.metrics
      .filter((metric) => metric.kind === "score")
      .map((metric) => ({
        label: metric.name,
        candidate: entry(metric.candidateMean),
        baseline: entry(metric.baselineMean),
      })),
  ];
  const description = describePairs(pairs);
  return inEachLayout((layout) =>
    barPairs({ id: "scores", layout, title: "Mean scores", description, pairs, maximum: 1 }),
  );
}

/** Latency and cost of both models; null when neither was measured. */
export function resourceChart(report: ComparisonReport): SafeHtml | null {
  const { latency, cost } = report;
  const milliseconds = (value: number | null | undefined) =>
    value === null || value === undefined ? null : { value, text: formatMilliseconds(value) };
  const usd = (value: number | null | undefined) =>
    value === null || value === undefined ? null : { value, text: formatUsd(value) };
  const pairs: BarPair[] = [
    {
      label: "latency p50",
      candidate: milliseconds(latency.candidate.p50Ms),
      baseline: milliseconds(latency.baseline?.p50Ms),
    },
    {
      label: "latency p95",
      candidate: milliseconds(latency.candidate.p95Ms),
      baseline: milliseconds(latency.baseline?.p95Ms),
    },
    { label: "cost of this run", candidate: usd(cost.candidate.usd), baseline: usd(cost.baseline?.usd) },
  ].filter((pair) => pair.candidate !== null || pair.baseline !== null);
  if (pairs.length === 0) return null;
  const description = describePairs(pairs);
  return inEachLayout((layout) =>
    barPairs({ id: "resources", layout, title: "Latency and cost", description, pairs }),
  );
}

function describePairs(pairs: readonly BarPair[]): string {
  return pairs
    .map(
      (pair) =>
        `${pair.label}: baseline ${pair.baseline?.text ?? "none"}, candidate ${pair.candidate?.text ?? "none"}`,
    )
    .join("; ");
}
