import { html, type SafeHtml } from "../safe-html.ts";
import { linearScale } from "./axis.ts";

export interface OutcomeRow {
  readonly label: string;
  /** Shares that sum to one. */
  readonly parts: { readonly rolledBack: number; readonly held: number; readonly promoted: number };
  /** The error of this row, at the right edge. */
  readonly wrong: string;
  /** Below it. */
  readonly note: string;
}

const LEFT = 170;
const RIGHT = 200;
const LEGEND = 34;
const ROW = 44;
const BAR = 24;
/** Narrower segments have no room for their number. */
const NARROWEST_WITH_TEXT = 52;

export function outcomeBarsHeight(rows: number): number {
  return LEGEND + rows * ROW;
}

/** One bar per row, divided by how its rollouts ended: solid, hatched and open, so that they differ without colour. */
export function outcomeBars(options: {
  readonly id: string;
  readonly top: number;
  readonly width: number;
  readonly rows: readonly OutcomeRow[];
}): SafeHtml {
  const { id, top, width, rows } = options;
  const scale = linearScale([0, 1], [LEFT, width - RIGHT]);
  const swatch = (x: number, look: SafeHtml, text: string) =>
    html`<rect ${look} x="${x}" y="${top + 6}" width="22" height="11"/><text class="tick" x="${x + 28}" y="${top + 16}">${text}</text>`;
  const hatched = html`class="held" fill="url(#${id}-hatch)"`;
  return html`<defs><pattern id="${id}-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="hatch-ground" width="6" height="6"/><line class="hatch" x1="0" x2="0" y1="0" y2="6"/></pattern></defs>
${swatch(LEFT, html`class="rolled-back"`, "rolled back")}${swatch(LEFT + 120, hatched, "stopped for a person")}${swatch(LEFT + 300, html`class="promoted"`, "reached 100 %")}
<text class="tick" x="${width - RIGHT + 16}" y="${top + 16}">error, and median time</text>
${rows.map((row, index) => bar(row, top + LEGEND + index * ROW))}`;

  function bar({ label, parts, wrong, note }: OutcomeRow, y: number): SafeHtml {
    const [first, second] = [parts.rolledBack, parts.rolledBack + parts.held];
    return html`<g><text text-anchor="end" x="${LEFT - 14}" y="${y + 17}">${label}</text>
${segment(html`class="promoted"`, second, 1, y)}${segment(html`class="rolled-back"`, 0, first, y, "named")}${segment(hatched, first, second, y)}
<text class="wrong" x="${width - RIGHT + 16}" y="${y + 10}">${wrong}</text><text class="tick" x="${width - RIGHT + 16}" y="${y + 26}">${note}</text></g>`;
  }

  function segment(look: SafeHtml, from: number, until: number, y: number, name?: "named"): SafeHtml | null {
    const [left, right] = [scale(from), scale(until)];
    if (right - left < 0.5) return null;
    const hasRoom = name !== undefined && right - left >= NARROWEST_WITH_TEXT;
    return html`<rect ${look} x="${left}" y="${y}" width="${Number((right - left).toFixed(2))}" height="${BAR}"/>${hasRoom ? html`<text class="inside" x="${left + 8}" y="${y + 16}">${(100 * (until - from)).toFixed(1)} %</text>` : null}`;
  }
}
