import { html, type SafeHtml } from "../safe-html.ts";
import { linearScale, niceTicks } from "./axis.ts";
import { type ChartLayout, chartLabel } from "./layout.ts";

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
  readonly layout: ChartLayout;
  readonly title: string;
  readonly description: string;
  readonly axisLabel: string;
  readonly rows: readonly IntervalRow[];
  /** Vertical lines such as the thresholds of the policy. */
  readonly marks: readonly { readonly value: number; readonly label: string }[];
}

interface Sizes {
  readonly width: number;
  readonly left: number;
  readonly right: number;
  readonly row: number;
  /** From the top of a row to its line. */
  readonly line: number;
  readonly hasLabelsAbove: boolean;
}

const TOP = 40;
const SIZES: Readonly<Record<ChartLayout, Sizes>> = {
  page: { width: 860, left: 210, right: 250, row: 34, line: 17, hasLabelsAbove: false },
  phone: { width: 350, left: 20, right: 20, row: 56, line: 40, hasLabelsAbove: true },
};

/**
 * Dots with their intervals against zero. The axis follows the main row; an interval that leaves the axis ends in an
 * arrow, and its numbers stand beside it.
 */
export function intervalPlot(options: IntervalPlotOptions): SafeHtml {
  const { rows, layout } = options;
  const { width, left, right, row: rowHeight, line } = SIZES[layout];
  const id = `${options.id}-${layout}`;
  const [low, high] = axisRange(rows, options.marks);
  const ticks = niceTicks(low, high, 6);
  const domain: readonly [number, number] = [ticks[0] ?? low, ticks.at(-1) ?? high];
  const scale = linearScale(domain, [left, width - right]);
  const bottom = TOP + rows.length * rowHeight;
  const marks = options.marks.filter((mark) => mark.value > domain[0] && mark.value < domain[1]);
  return html`<svg class="chart ${layout}" role="img" aria-labelledby="${id}-title ${id}-desc" viewBox="0 0 ${width} ${bottom + 46}">
<title id="${id}-title">${options.title}</title><desc id="${id}-desc">${options.description}</desc>
${ticks.map((tick) => html`<line class="grid" x1="${scale(tick)}" x2="${scale(tick)}" y1="${TOP - 6}" y2="${bottom}"/><text class="tick" text-anchor="middle" x="${scale(tick)}" y="${bottom + 18}">${minus(tick)}</text>`)}
${domain[0] <= 0 && domain[1] >= 0 ? html`<line class="zero" x1="${scale(0)}" x2="${scale(0)}" y1="${TOP - 6}" y2="${bottom}"/>` : null}
${marks.map((mark) => html`<line class="mark" x1="${scale(mark.value)}" x2="${scale(mark.value)}" y1="${TOP - 6}" y2="${bottom}"/>`)}
${markLabels(marks, scale, width)}
${rows.map((row, index) => intervalRow({ row, y: TOP + index * rowHeight + line, sizes: SIZES[layout], scale, domain }))}
<text class="tick" text-anchor="middle" x="${(left + width - right) / 2}" y="${bottom + 38}">${options.axisLabel}</text>
</svg>`;
}

function minus(value: number): string {
  return String(value).replace("-", "−");
}

/** Labels that would touch are written on two lines, and none leaves the chart. */
function markLabels(
  marks: IntervalPlotOptions["marks"],
  scale: (value: number) => number,
  width: number,
): readonly SafeHtml[] {
  let lastEnd = Number.NEGATIVE_INFINITY;
  let isRaised = false;
  return marks.map((mark) => {
    const half = mark.label.length * 3.4;
    const x = Math.min(width - half, Math.max(half, scale(mark.value)));
    isRaised = x - half < lastEnd ? !isRaised : false;
    lastEnd = x + half;
    return html`<text class="tick" text-anchor="middle" x="${x}" y="${isRaised ? TOP - 26 : TOP - 12}">${mark.label}</text>`;
  });
}

function intervalRow(drawn: {
  readonly row: IntervalRow;
  readonly y: number;
  readonly sizes: Sizes;
  readonly scale: (value: number) => number;
  readonly domain: readonly [number, number];
}): SafeHtml {
  const { row, y, sizes, scale, domain } = drawn;
  const inside = (value: number) => Math.min(domain[1], Math.max(domain[0], value));
  const left = scale(inside(row.low));
  const right = scale(inside(row.high));
  const isVisible = row.value >= domain[0] && row.value <= domain[1];
  const x = scale(inside(row.value));
  return html`<g class="${row.isMain ? "row main" : "row"}">${rowTexts(row, y, sizes)}
<line class="interval" x1="${left}" x2="${right}" y1="${y}" y2="${y}"/>
${row.low < domain[0] ? arrow(left, y, -1) : cap(left, y)}${row.high > domain[1] ? arrow(right, y, 1) : cap(right, y)}
${isVisible ? html`<circle class="dot" cx="${x}" cy="${y}" r="${row.isMain ? 6 : 5}"/>` : null}</g>`;
}

function rowTexts(row: IntervalRow, y: number, sizes: Sizes): SafeHtml {
  const { width, left, right, hasLabelsAbove } = sizes;
  return hasLabelsAbove
    ? html`<rect class="ground" x="0" y="${y - 34}" width="${width}" height="22"/><text class="label" x="0" y="${y - 18}">${chartLabel(row.label)}</text><text class="value" text-anchor="end" x="${width - 2}" y="${y - 18}">${row.text}</text>`
    : html`<text class="label" text-anchor="end" x="${left - 14}" y="${y + 4}">${chartLabel(row.label)}</text><text class="value" x="${width - right + 14}" y="${y + 4}">${row.text}</text>`;
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
