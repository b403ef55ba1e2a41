import { html, type SafeHtml } from "../safe-html.ts";
import { linearScale, niceTicks } from "./axis.ts";

export interface IntervalRow {
  readonly label: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** The row the decision rests on. */
  readonly isMain: boolean;
  /** The same as text, at the right edge. */
  readonly text: string;
}

export interface IntervalPlotOptions {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly axisLabel: string;
  readonly rows: readonly IntervalRow[];
  /** Vertical lines such as the thresholds of the policy. */
  readonly marks: readonly { readonly value: number; readonly label: string }[];
}

const WIDTH = 860;
const ROW = 34;
const TOP = 40;
const LEFT = 190;
const RIGHT = 250;

/**
 * Dots with their intervals against zero. The axis follows the main row; an interval that leaves the axis ends in an
 * arrow, and its numbers stand beside it.
 */
export function intervalPlot(options: IntervalPlotOptions): SafeHtml {
  const { rows, marks } = options;
  const [low, high] = axisRange(rows, marks);
  const ticks = niceTicks(low, high, 6);
  const domain: readonly [number, number] = [ticks[0] ?? low, ticks.at(-1) ?? high];
  const scale = linearScale(domain, [LEFT, WIDTH - RIGHT]);
  const bottom = TOP + rows.length * ROW;
  return html`<svg class="chart" role="img" aria-labelledby="${options.id}-title ${options.id}-desc" viewBox="0 0 ${WIDTH} ${bottom + 46}">
<title id="${options.id}-title">${options.title}</title><desc id="${options.id}-desc">${options.description}</desc>
${ticks.map((tick) => html`<line class="grid" x1="${scale(tick)}" x2="${scale(tick)}" y1="${TOP - 6}" y2="${bottom}"/><text class="tick" text-anchor="middle" x="${scale(tick)}" y="${bottom + 18}">${tick}</text>`)}
${domain[0] <= 0 && domain[1] >= 0 ? html`<line class="zero" x1="${scale(0)}" x2="${scale(0)}" y1="${TOP - 6}" y2="${bottom}"/>` : null}
${visibleMarks(marks, domain).map((mark) => html`<line class="mark" x1="${scale(mark.value)}" x2="${scale(mark.value)}" y1="${TOP - 6}" y2="${bottom}"/>`)}
${markLabels(visibleMarks(marks, domain), scale)}
${rows.map((row, index) => intervalRow(row, TOP + index * ROW + ROW / 2, scale, domain))}
<text class="tick" text-anchor="middle" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${bottom + 38}">${options.axisLabel}</text>
</svg>`;
}

function visibleMarks(
  marks: IntervalPlotOptions["marks"],
  domain: readonly [number, number],
): IntervalPlotOptions["marks"] {
  return marks.filter((mark) => mark.value > domain[0] && mark.value < domain[1]);
}

/** Labels that would touch are written on two lines. */
function markLabels(
  marks: IntervalPlotOptions["marks"],
  scale: (value: number) => number,
): readonly SafeHtml[] {
  let lastEnd = Number.NEGATIVE_INFINITY;
  let isRaised = false;
  return marks.map((mark) => {
    const x = scale(mark.value);
    const half = mark.label.length * 3.2;
    isRaised = x - half < lastEnd ? !isRaised : false;
    lastEnd = x + half;
    return html`<text class="tick" text-anchor="middle" x="${x}" y="${isRaised ? TOP - 26 : TOP - 12}">${mark.label}</text>`;
  });
}

function intervalRow(
  row: IntervalRow,
  y: number,
  scale: (value: number) => number,
  domain: readonly [number, number],
): SafeHtml {
  const inside = (value: number) => Math.min(domain[1], Math.max(domain[0], value));
  const left = scale(inside(row.low));
  const right = scale(inside(row.high));
  const isVisible = row.value >= domain[0] && row.value <= domain[1];
  const x = scale(inside(row.value));
  return html`<g class="${row.isMain ? "row main" : "row"}"><text class="label" text-anchor="end" x="${LEFT - 14}" y="${y + 4}">${row.label}</text>
<line class="interval" x1="${left}" x2="${right}" y1="${y}" y2="${y}"/>
${row.low < domain[0] ? arrow(left, y, -1) : cap(left, y)}${row.high > domain[1] ? arrow(right, y, 1) : cap(right, y)}
${isVisible ? html`<circle class="dot" cx="${x}" cy="${y}" r="${row.isMain ? 6 : 5}"/>` : null}
<text class="value" x="${WIDTH - RIGHT + 14}" y="${y + 4}">${row.text}</text></g>`;
}

function cap(x: number, y: number): SafeHtml {
  return html`<line class="interval" x1="${x}" x2="${x}" y1="${y - 5}" y2="${y + 5}"/>`;
}

function arrow(x: number, y: number, direction: 1 | -1): SafeHtml {
  return html`<path class="arrow" d="M${x} ${y - 6}L${x + direction * 9} ${y}L${x} ${y + 6}Z"/>`;
}

function axisRange(
  rows: readonly IntervalRow[],
  marks: IntervalPlotOptions["marks"],
): readonly [number, number] {
  const main = rows.find((row) => row.isMain) ?? rows[0];
  const reach = Math.max(25, Math.abs(main?.low ?? 0), Math.abs(main?.high ?? 0)) * 1.6;
  const values = [0, ...marks.map((mark) => mark.value), ...rows.flatMap((row) => [row.low, row.high])];
  const low = Math.max(-reach, Math.min(...values));
  const high = Math.min(reach, Math.max(...values));
  return [low, high];
}
