import { html, type SafeHtml } from "../safe-html.ts";
import { type ChartLayout, chartLabel } from "./layout.ts";

export interface BarPair {
  readonly label: string;
  readonly baseline: { readonly value: number; readonly text: string } | null;
  readonly candidate: { readonly value: number; readonly text: string } | null;
}

export interface BarPairsOptions {
  readonly id: string;
  readonly layout: ChartLayout;
  readonly title: string;
  readonly description: string;
  readonly pairs: readonly BarPair[];
  /** The value of a full bar; each pair has its own scale when left out. */
  readonly maximum?: number;
}

interface Sizes {
  readonly width: number;
  readonly left: number;
  /** Kept free for the numbers behind the bars. */
  readonly right: number;
  readonly pair: number;
  readonly hasLabelsAbove: boolean;
}

const BAR = 13;
const TOP = 30;
const SIZES: Readonly<Record<ChartLayout, Sizes>> = {
  page: { width: 860, left: 210, right: 130, pair: 46, hasLabelsAbove: false },
  phone: { width: 350, left: 1, right: 86, pair: 64, hasLabelsAbove: true },
};

/** Two bars per quantity: the baseline hatched, the candidate solid, so that they differ without colour. */
export function barPairs(options: BarPairsOptions): SafeHtml {
  const { layout } = options;
  const { width, left, pair: pairHeight } = SIZES[layout];
  const id = `${options.id}-${layout}`;
  const height = TOP + options.pairs.length * pairHeight + 4;
  return html`<svg class="chart ${layout}" role="img" aria-labelledby="${id}-title ${id}-desc" viewBox="0 0 ${width} ${height}">
<title id="${id}-title">${options.title}</title><desc id="${id}-desc">${options.description}</desc>
<defs><pattern id="${id}-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="hatch-ground" width="6" height="6"/><line class="hatch" x1="0" x2="0" y1="0" y2="6"/></pattern></defs>
<rect class="bar-baseline" fill="url(#${id}-hatch)" x="${left}" y="6" width="22" height="11"/><text class="tick" x="${left + 28}" y="16">baseline</text>
<rect class="bar-candidate" x="${left + 100}" y="6" width="22" height="11"/><text class="tick" x="${left + 128}" y="16">candidate</text>
${options.pairs.map((pair, index) => pairBars({ pair, y: TOP + index * pairHeight, id, options }))}
</svg>`;
}

function pairBars(drawn: {
  readonly pair: BarPair;
  readonly y: number;
  readonly id: string;
  readonly options: BarPairsOptions;
}): SafeHtml {
  const { pair, id, options } = drawn;
  const { width, left, right, hasLabelsAbove } = SIZES[options.layout];
  const y = drawn.y + (hasLabelsAbove ? 20 : 0);
  const maximum = options.maximum ?? Math.max(pair.baseline?.value ?? 0, pair.candidate?.value ?? 0);
  const lengthOf = (value: number) =>
    Number((maximum > 0 ? (Math.min(value, maximum) / maximum) * (width - left - right) : 0).toFixed(2));
  const bar = (kind: "baseline" | "candidate", entry: BarPair["baseline"], top: number) => {
    if (!entry) return html`<text class="value" x="${left + 6}" y="${top + 11}">–</text>`;
    const fill = kind === "baseline" ? html` fill="url(#${id}-hatch)"` : null;
    return html`<rect class="bar-${kind}"${fill} x="${left}" y="${top}" width="${Math.max(1, lengthOf(entry.value))}" height="${BAR}"/><text class="value" x="${left + lengthOf(entry.value) + 8}" y="${top + 11}">${entry.text}</text>`;
  };
  const label = hasLabelsAbove
    ? html`<text class="label" x="0" y="${y - 6}">${chartLabel(pair.label)}</text>`
    : html`<text class="label" text-anchor="end" x="${left - 14}" y="${y + BAR + 5}">${chartLabel(pair.label)}</text>`;
  return html`<g class="row">${label}${bar("baseline", pair.baseline, y)}${bar("candidate", pair.candidate, y + BAR + 3)}</g>`;
}
