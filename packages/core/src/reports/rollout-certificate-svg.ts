import type { Certificate, CertifiedScenario } from "../statistics/sequential/certify.ts";
import { type CurveLine, curvePanel, PANEL_HEIGHT } from "./charts/curve-panel.ts";
import { outcomeBars, outcomeBarsHeight } from "./charts/outcome-bars.ts";
import { html, SafeHtml } from "./safe-html.ts";
import { REPORT_PALETTE } from "./style.ts";

const WIDTH = 860;
const HEAD = 66;
const GAP = 30;

const STYLE = `${REPORT_PALETTE}
.certificate text { fill: var(--text); font: 13px system-ui, sans-serif; } .certificate .title { font-size: 17px; font-weight: 600; }
.certificate .heading { font-size: 14px; font-weight: 600; } .certificate .quiet { fill: var(--quiet); } .certificate .wrong { font-weight: 600; }
.certificate .tick { fill: var(--quiet); font-size: 12px; } .certificate .inside { fill: var(--ground); font-size: 12px; font-weight: 600; }
.ground { fill: var(--ground); } .grid { stroke: var(--line); } .mark { stroke: var(--bad); stroke-dasharray: 2 4; }
.rolled-back { fill: var(--candidate); } .held { stroke: var(--baseline); } .hatch { stroke: var(--baseline); stroke-width: 3; }
.hatch-ground { fill: var(--ground); } .promoted { fill: var(--panel); stroke: var(--line); }
.curve { fill: none; stroke: var(--candidate); stroke-width: 2.5; stroke-linejoin: round; } .curve-unchanged { stroke: var(--quiet); }
`;

/**
 * A rollout certificate as a picture of its own: how rollouts of each kind of candidate end, and how soon a bad one is
 * taken back. Light or dark as the viewer prefers; readable without colour.
 */
export function rolloutCertificateSvg(certificate: Certificate): string {
  const [unchanged, ...worse] = certificate.scenarios;
  if (unchanged === undefined) return "";
  const barsHeight = outcomeBarsHeight(certificate.scenarios.length);
  // An alarm that holds takes nothing back: it has a bar, but no curve.
  const curves = worse.filter(({ action }) => action === "rollback");
  const metrics = [...new Set(curves.map(({ metric }) => metric ?? ""))];
  const panelTop = (index: number) => HEAD + barsHeight + GAP + index * (PANEL_HEIGHT + GAP);
  const height = panelTop(metrics.length);
  const percent = (share: number) => `${Number((100 * share).toFixed(1))} %`;
  const subtitle =
    `${certificate.shares.map(percent).join(" → ")} of ${certificate.trafficPerHour.toLocaleString("en-US")} sessions an hour, ` +
    `α = ${percent(certificate.alpha)}; ${certificate.runs.toLocaleString("en-US")} simulated rollouts each, seed ${certificate.seed}`;
  return html`<svg xmlns="http://www.w3.org/2000/svg" class="certificate" role="img" aria-labelledby="certificate-title certificate-desc" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">
<title id="certificate-title">What this rollout plan is worth</title><desc id="certificate-desc">${certificate.text}</desc>
<style>${new SafeHtml(STYLE)}</style>
<rect class="ground" width="${WIDTH}" height="${height}"/>
<text class="title" x="24" y="32">What this rollout plan is worth</text><text class="quiet" x="24" y="54">${subtitle}</text>
${outcomeBars({ id: "endings", top: HEAD, width: WIDTH, rows: certificate.scenarios.map((scenario) => barRow(scenario)) })}
${metrics.map((metric, index) =>
  curvePanel({
    title: `Chance that it has been rolled back by then: ${metric}`,
    top: panelTop(index),
    width: WIDTH,
    alpha: certificate.alpha,
    perHour: certificate.trafficPerHour,
    lines: [unchanged, ...curves.filter((scenario) => scenario.metric === metric)].map(curveLine),
  }),
)}
</svg>`.markup;
}

function nameOf({ metric, drop }: CertifiedScenario): string {
  return metric === null ? "unchanged" : `${metric} −${Number((100 * drop).toFixed(2))} points`;
}

function barRow(scenario: CertifiedScenario) {
  const { rolledBack, held, promoted, hoursToDecide, metric } = scenario;
  const isUnchanged = metric === null;
  return {
    label: nameOf(scenario),
    parts: { rolledBack, held, promoted },
    wrong: isUnchanged ? `${percentText(rolledBack)} false rollbacks` : `${percentText(promoted)} missed`,
    note: `after ${hoursText(hoursToDecide.median)}, p90 ${hoursText(hoursToDecide.p90)}`,
  };
}

function curveLine(scenario: CertifiedScenario): CurveLine {
  const isUnchanged = scenario.metric === null;
  return {
    label: isUnchanged ? "unchanged" : `−${Number((100 * scenario.drop).toFixed(2))} points`,
    kind: isUnchanged ? "unchanged" : "worse",
    points: scenario.rolledBackBySessions,
  };
}

function percentText(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function hoursText(hours: number): string {
  return hours < 48 ? `${hours.toFixed(1)} h` : `${(hours / 24).toFixed(1)} days`;
}
