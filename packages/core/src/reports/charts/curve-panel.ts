import { html, type SafeHtml } from "../safe-html.ts";
import { linearScale, niceTicks } from "./axis.ts";

export interface CurveLine {
  readonly label: string;
  readonly kind: "unchanged" | "worse";
  /** Rising shares, 0 to 1. */
  readonly points: readonly { readonly sessions: number; readonly share: number }[];
}

const LEFT = 70;
const RIGHT = 190;
const HEADING = 34;
const PLOT = 200;
const AXIS = 58;
const LABEL_DISTANCE = 17;
/** The worse, the more solid. */
const DASHES = ["2 5", "9 5", "none"];

export const PANEL_HEIGHT = HEADING + PLOT + AXIS;

/** Rising curves over sessions and hours, each named at its end. */
export function curvePanel(options: {
  readonly title: string;
  readonly top: number;
  readonly width: number;
  readonly alpha: number;
  readonly perHour: number;
  readonly lines: readonly CurveLine[];
}): SafeHtml {
  const { title, top, width, alpha, perHour, lines } = options;
  const longest = Math.max(...lines.map((line) => line.points.at(-1)?.sessions ?? 0), 1);
  const right = width - RIGHT;
  const bottom = top + HEADING + PLOT;
  const x = linearScale([0, longest], [LEFT, right]);
  const y = linearScale([0, 1], [bottom, top + HEADING]);
  const hours = niceTicks(0, longest / perHour, 6).filter((hour) => hour * perHour <= longest);
  const worse = lines.filter((line) => line.kind === "worse");
  const ends = spread(
    lines.map((line) => y(line.points.at(-1)?.share ?? 0)),
    bottom,
  );
  return html`<g><text class="heading" x="24" y="${top + 16}">${title}</text>
${[0, 0.25, 0.5, 0.75, 1].map((share) => html`<line class="grid" x1="${LEFT}" x2="${right}" y1="${y(share)}" y2="${y(share)}"/><text class="tick" text-anchor="end" x="${LEFT - 10}" y="${y(share) + 4}">${100 * share} %</text>`)}
${hours.map((hour) => html`<text class="tick" text-anchor="middle" x="${x(hour * perHour)}" y="${bottom + 18}">${hour} h</text><text class="tick" text-anchor="middle" x="${x(hour * perHour)}" y="${bottom + 34}">${Math.round(hour * perHour).toLocaleString("en-US")}</text>`)}
<text class="tick" text-anchor="middle" x="${(LEFT + right) / 2}" y="${bottom + 52}">hours, and sessions of both arms</text>
<line class="mark" x1="${LEFT}" x2="${right}" y1="${y(alpha)}" y2="${y(alpha)}"/><text class="tick" x="${LEFT + 6}" y="${y(alpha) - 5}">α ${Number((100 * alpha).toFixed(1))} %</text>
${lines.map((line, index) => {
  const dash = line.kind === "unchanged" ? "none" : (DASHES.at(worse.indexOf(line) - worse.length) ?? "none");
  const path = [
    { sessions: 0, share: 0 },
    ...line.points,
    { sessions: longest, share: line.points.at(-1)?.share ?? 0 },
  ]
    .map(({ sessions, share }, at) => `${at === 0 ? "M" : "L"}${x(sessions)} ${y(share)}`)
    .join("");
  const share = line.points.at(-1)?.share ?? 0;
  return html`<path class="curve curve-${line.kind}" stroke-dasharray="${dash}" d="${path}"/><text x="${right + 12}" y="${(ends[index] ?? 0) + 4}">${line.label}: ${(100 * share).toFixed(1)} %</text>`;
})}</g>`;
}

/** Moves labels apart that would touch, upwards from the lowest. */
function spread(heights: readonly number[], lowest: number): readonly number[] {
  const order = heights.map((height, index) => ({ height, index })).sort((a, b) => b.height - a.height);
  const moved = [...heights];
  let last = lowest + LABEL_DISTANCE;
  for (const { height, index } of order) {
    last = Math.min(height, last - LABEL_DISTANCE);
    moved[index] = last;
  }
  return moved;
}
