import { html, type SafeHtml } from "../safe-html.ts";

export interface BarPair {
  readonly label: string;
  readonly baseline: { readonly value: number; readonly text: string } | null;
  readonly candidate: { readonly value: number; readonly text: string } | null;
}

export interface BarPairsOptions {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly pairs: readonly BarPair[];
  /** The value of a full bar; each pair has its own scale when left out. */
  readonly maximum?: number;
}

const WIDTH = 860;
const LEFT = 190;
const RIGHT = 130;
const BAR = 13;
const PAIR = 46;
const TOP = 30;

/** Two bars per quantity: the baseline hatched, the candidate solid, so that they differ without colour. */
export function barPairs(options: BarPairsOptions): SafeHtml {
  const height = TOP + options.pairs.length * PAIR + 4;
  return html`<svg class="chart" role="img" aria-labelledby="${options.id}-title ${options.id}-desc" viewBox="0 0 ${WIDTH} ${height}">
<title id="${options.id}-title">${options.title}</title><desc id="${options.id}-desc">${options.description}</desc>
<defs><pattern id="${options.id}-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="hatch-ground" width="6" height="6"/><line class="hatch" x1="0" x2="0" y1="0" y2="6"/></pattern></defs>
<rect class="bar-baseline" fill="url(#${options.id}-hatch)" x="${LEFT}" y="6" width="22" height="11"/><text class="tick" x="${LEFT + 28}" y="16">baseline</text>
<rect class="bar-candidate" x="${LEFT + 100}" y="6" width="22" height="11"/><text class="tick" x="${LEFT + 128}" y="16">candidate</text>
${options.pairs.map((pair, index) => pairBars(pair, TOP + index * PAIR, options))}
</svg>`;
}

function pairBars(pair: BarPair, y: number, options: BarPairsOptions): SafeHtml {
  const maximum = options.maximum ?? Math.max(pair.baseline?.value ?? 0, pair.candidate?.value ?? 0);
  const width = (value: number) =>
    Number((maximum > 0 ? (Math.min(value, maximum) / maximum) * (WIDTH - LEFT - RIGHT) : 0).toFixed(2));
  const bar = (kind: "baseline" | "candidate", entry: BarPair["baseline"], top: number) => {
    if (!entry) return html`<text class="value" x="${LEFT + 6}" y="${top + 11}">–</text>`;
    const fill = kind === "baseline" ? html` fill="url(#${options.id}-hatch)"` : null;
    return html`<rect class="bar-${kind}"${fill} x="${LEFT}" y="${top}" width="${Math.max(1, width(entry.value))}" height="${BAR}"/><text class="value" x="${LEFT + width(entry.value) + 8}" y="${top + 11}">${entry.text}</text>`;
  };
  return html`<g class="row"><text class="label" text-anchor="end" x="${LEFT - 14}" y="${y + BAR + 5}">${pair.label}</text>${bar("baseline", pair.baseline, y)}${bar("candidate", pair.candidate, y + BAR + 3)}</g>`;
}
