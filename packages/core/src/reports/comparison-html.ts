import type {
  ArmCost,
  ArmLatency,
  ArmTokens,
  ComparisonReport,
  ExampleAnswer,
  ExampleComparison,
} from "../evaluation/comparison-report.ts";
import { publicReference } from "../files/public-reference.ts";
import { formatDuration } from "../time/duration.ts";
import { changeChart, resourceChart, scoreChart } from "./comparison-charts.ts";
import {
  formatChange,
  formatCount,
  formatInterval,
  formatMetricValue,
  formatMilliseconds,
  formatScore,
  formatUsd,
  MISSING,
} from "./format-number.ts";
import { RECOMMENDATION_WORDS } from "./recommendation-words.ts";
import { html, SafeHtml } from "./safe-html.ts";
import { REPORT_STYLE } from "./style.ts";

const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/** The comparison as one HTML file: no script, no request, every text of a model escaped. */
export function comparisonHtml(report: ComparisonReport): string {
  const title = `${report.agent}: ${report.candidate.version} against ${report.baseline?.version ?? "no baseline"}`;
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">
<title>${title}</title><style>${new SafeHtml(REPORT_STYLE)}</style></head>
<body><main>
<h1>${title}</h1>
<p class="quiet">${subtitle(report)}</p>
${verdict(report)}${facts(report)}${changes(report)}${regressions(report)}${metrics(report)}${resources(report)}${coverage(report)}${improvements(report)}
<footer><p>Evaluation ${report.evaluationId}${report.reusedFrom ? ` (stored result: nothing had changed since)` : ""}. Candidate ${report.candidate.modelId}; baseline ${report.baseline?.modelId ?? "none"}. Policy ${report.policy}.</p>
<p>Dataset ${report.dataset.fingerprint}</p><p>Evidence ${report.evidenceHash}</p>${links(report)}</footer>
</main></body></html>
`.markup;
}

function subtitle({ completedAt, dataset, trials }: ComparisonReport): string {
  const time = `${completedAt.slice(0, 16).replace("T", " ")} UTC`;
  const noun = dataset.examples === 1 ? "example" : "examples";
  const examples = `${formatCount(dataset.examples)} ${dataset.ref === null ? `inline ${noun}` : `${noun} of ${publicReference(dataset.ref)}`}`;
  return `${time} · ${examples}${trials > 1 ? ` × ${trials} trials` : ""}`;
}

/** A number and its per cent sign stay on one line. */
function joined(text: string): string {
  return text.replace(/(\d) (?=%|points\b|examples\b)/g, "$1\u00a0");
}

function verdict(report: ComparisonReport): SafeHtml {
  const words = RECOMMENDATION_WORDS[report.recommendation];
  return html`<section class="verdict ${words.tone}" aria-label="Recommendation"><p><strong>${words.title}</strong></p><p>${joined(report.sentence)}</p>
${report.reasons.length > 0 ? html`<ul>${report.reasons.map((reason) => html`<li>${joined(reason)}</li>`)}</ul>` : null}</section>`;
}

function facts(report: ComparisonReport): SafeHtml {
  const { improvementPct, improvementUnit, interval } = report;
  const fact = (label: string, value: string) => html`<li><span>${label}</span><b>${value}</b></li>`;
  return html`<ul class="facts">
${fact("Candidate score", formatScore(report.candidateScore))}${fact("Baseline score", formatScore(report.baselineScore))}
${fact("Change", formatChange(improvementPct, improvementUnit))}
${fact(interval ? `${Math.round(interval.confidence * 100)} % interval` : "Interval", formatInterval(interval, improvementUnit))}
${fact("Complete examples", `${formatCount(report.coverage.complete)} of ${formatCount(report.coverage.examples)}`)}
${fact("Run time", formatDuration(report.durationMs))}</ul>`;
}

function regressions(report: ComparisonReport): SafeHtml | null {
  if (report.baseline === null) return null;
  if (report.regressions.length === 0) {
    return html`<h2>Regressions</h2><p>No example is answered worse than by the baseline.</p>`;
  }
  return html`<h2>Regressions</h2><p class="quiet">Examples the candidate answers worse than the baseline, worst first.</p>
${report.regressions.map((example) => exampleCard(example, report))}`;
}

function improvements(report: ComparisonReport): SafeHtml | null {
  if (report.improvements.length === 0) return null;
  return html`<h2>Improvements</h2><p class="quiet">Examples the candidate answers better, best first.</p>
${report.improvements.map((example) => exampleCard(example, report))}`;
}

function exampleCard(example: ExampleComparison, report: ComparisonReport): SafeHtml {
  const change = example.difference === null ? null : formatChange(example.difference * 100, "points");
  return html`<article class="example"><h3>${example.exampleId}${change ? html` <span class="${(example.difference ?? 0) < 0 ? "bad-text" : "good-text"}">${change}</span>` : null}</h3>
<p class="tag">Input</p><pre>${example.input}</pre>
${example.reference === null ? null : html`<p class="tag">Reference</p><pre>${example.reference}</pre>`}
<div class="pair">${answer("Baseline", report.baseline?.version ?? "", example.baseline, report.metrics)}${answer("Candidate", report.candidate.version, example.candidate, report.metrics)}</div></article>`;
}

function answer(
  label: string,
  version: string,
  given: ExampleAnswer | null,
  metrics: ComparisonReport["metrics"],
): SafeHtml {
  if (given === null) return html`<div><p class="tag">${label}</p><p>${MISSING}</p></div>`;
  const scores = Object.entries(given.scores).map(([name, score]) => {
    const isRaw = metrics.some((metric) => metric.name === name && metric.kind === "raw");
    const text = isRaw ? formatMetricValue({ name, kind: "raw" }, score) : (score?.toFixed(3) ?? MISSING);
    // Most scores of a single answer are 0 or 1.
    return `${name} ${text.replace(/\.000$/, "")}`;
  });
  return html`<div><p class="tag">${label} ${version} · ${scores.join(" · ")}</p>${given.text === null ? html`<p class="bad-text">No answer: ${given.failure ?? "unknown"}</p>` : html`<pre>${given.text === "" ? "(empty)" : given.text}</pre>`}</div>`;
}

function metrics(report: ComparisonReport): SafeHtml {
  const rows = report.metrics.map((metric) => {
    const mean = (value: number | null) => formatMetricValue(metric, value);
    const counts = report.baseline ? `${metric.wins} / ${metric.ties} / ${metric.losses}` : MISSING;
    return [
      metric.name,
      String(metric.weight),
      mean(metric.baselineMean),
      mean(metric.candidateMean),
      counts,
    ];
  });
  return html`<h2>Metrics</h2>${scoreChart(report)}
${table(
  "Mean scores, and examples the candidate won, tied and lost",
  ["Metric", "Weight", "Baseline", "Candidate", "Won / tied / lost"],
  [["overall", "1", formatScore(report.baselineScore), formatScore(report.candidateScore), MISSING], ...rows],
)}
<ul>${report.metrics.map((metric) => html`<li><code>${metric.name}</code>: ${metric.description}</li>`)}</ul>`;
}

function changes(report: ComparisonReport): SafeHtml | null {
  const chart = changeChart(report);
  if (chart === null) return null;
  const rows = report.metrics.map((metric) => {
    const change = formatChange(metric.changePct, metric.unit);
    const word = metric.degraded === "confirmed" ? "degraded" : "degraded, unconfirmed";
    const shown = metric.degraded === "no" ? change : html`<span class="bad-text">${change} (${word})</span>`;
    return [metric.name, shown, formatInterval(metric.interval, metric.unit)];
  });
  const { improvementPct, improvementUnit, interval } = report;
  const overall = [
    "overall",
    formatChange(improvementPct, improvementUnit),
    formatInterval(interval, improvementUnit),
  ];
  return html`<h2>Change against the baseline</h2>${chart}${table("Gain of the candidate; each end of an interval is a one-sided 95 % bound", ["Metric", "Change", "Interval"], [overall, ...rows])}`;
}

function resources(report: ComparisonReport): SafeHtml {
  const { latency, cost, tokens } = report;
  const row = (label: string, time: ArmLatency, price: ArmCost, used: ArmTokens) => [
    label,
    formatMilliseconds(time.p50Ms),
    formatMilliseconds(time.p95Ms),
    formatUsd(price.usd),
    formatUsd(price.usdPer1kTokens),
    formatCount(used.inputMean),
    formatCount(used.outputMean),
  ];
  const rows = [row("candidate", latency.candidate, cost.candidate, tokens.candidate)];
  if (latency.baseline && cost.baseline && tokens.baseline)
    rows.unshift(row("baseline", latency.baseline, cost.baseline, tokens.baseline));
  return html`<h2>Latency, cost and tokens</h2>${resourceChart(report)}
${table("Latency of answered calls (cached answers left out), known cost, mean tokens per answer", ["Model", "p50", "p95", "Cost", "Per 1k tokens", "Input tokens", "Output tokens"], rows)}
${cost.metricsUsd ? html`<p>Scoring cost ${formatUsd(cost.metricsUsd)}.</p>` : null}`;
}

function coverage(report: ComparisonReport): SafeHtml {
  const { candidate, baseline, missing } = report.coverage;
  const row = (label: string, arm: typeof candidate) => [
    label,
    String(arm.asked),
    String(arm.answered),
    String(arm.failed),
    String(arm.fromCache),
    String(arm.resumed),
  ];
  return html`<h2>Coverage</h2>
${table("Calls by model; failed ones score 0", ["Model", "Asked", "Answered", "Failed", "From cache", "Resumed"], [...(baseline ? [row("baseline", baseline)] : []), row("candidate", candidate)])}
${
  report.errors.length > 0
    ? table(
        "Failed calls by cause",
        ["Model", "Code", "What happened", "Calls", "First examples"],
        report.errors.map((error) => [
          error.arm,
          error.code,
          error.message,
          String(error.count),
          error.exampleIds.join(", "),
        ]),
        3,
      )
    : null
}
${
  missing.length > 0
    ? table(
        "Scores that could not be computed; those examples are left out of both models",
        ["Model", "Metric", "Why", "Answers"],
        missing.map((entry) => [entry.arm, entry.metric, entry.reason, String(entry.count)]),
        3,
      )
    : null
}`;
}

function links(report: ComparisonReport): SafeHtml | null {
  const entries = Object.entries(report.experimentUrls).filter((entry): entry is [string, string] =>
    isWebUrl(entry[1]),
  );
  if (entries.length === 0) return null;
  return html`<p>Experiments: ${entries.map(([name, url]) => html`<a href="${url}" rel="noreferrer">${name}</a> `)}</p>`;
}

function isWebUrl(url: string | null): boolean {
  return url !== null && /^https?:\/\//.test(url);
}

/** The first `textColumns` columns are text, the others numbers. */
function table(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly (string | SafeHtml)[])[],
  textColumns = 1,
): SafeHtml {
  const kind = (index: number) => (index < textColumns ? html` class="text"` : null);
  return html`<div class="wide" tabindex="0" role="region" aria-label="${caption}"><table><caption>${caption}</caption>
<thead><tr>${head.map((cell, index) => html`<th scope="col"${kind(index)}>${cell}</th>`)}</tr></thead>
<tbody>${rows.map((cells) => html`<tr>${cells.map((cell, index) => (index === 0 ? html`<th scope="row">${cell}</th>` : html`<td${kind(index)}>${cell}</td>`))}</tr>`)}</tbody></table></div>`;
}
