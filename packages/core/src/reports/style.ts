/** The colours of all reports, light and dark; text on ground and panel has a contrast of at least 4.5. */
export const REPORT_PALETTE = `
:root { color-scheme: light dark; --ground: #ffffff; --panel: #f5f7fa; --text: #1b2430; --quiet: #52606d; --line: #d5dbe3;
  --candidate: #1257b0; --baseline: #8a5a00; --good: #0b6b3a; --bad: #b3261e; --warn: #7a4d00; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #12171e; --panel: #1b222c; --text: #e7ecf2; --quiet: #a9b4c0; --line: #374250;
    --candidate: #7db4ff; --baseline: #e6b45c; --good: #6fd39a; --bad: #ff9c94; --warn: #f0c470; } }`;

/** The one style sheet of all reports: system fonts, light and dark, printable, readable without colour. */
export const REPORT_STYLE = `${REPORT_PALETTE}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { overflow-wrap: anywhere; max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; } h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
p { margin: .5rem 0; } .quiet { color: var(--quiet); } code, pre { font: .875rem/1.45 ui-monospace, monospace; }
.verdict { border: 1px solid var(--line); border-left: .5rem solid var(--quiet); background: var(--panel); padding: 1rem 1.25rem; margin: 1.25rem 0; border-radius: .25rem; }
.verdict strong { font-size: 1.15rem; } .verdict.good { border-left-color: var(--good); } .verdict.bad { border-left-color: var(--bad); } .verdict.warn { border-left-color: var(--warn); }
.verdict ul { margin: .5rem 0 0; padding-left: 1.25rem; }
.facts { display: grid; grid-template-columns: repeat(3, 1fr); gap: .75rem; margin: 1.25rem 0; padding: 0; list-style: none; }
@media (max-width: 40rem) { .facts { grid-template-columns: 1fr 1fr; } }
.facts li { background: var(--panel); border: 1px solid var(--line); border-radius: .25rem; padding: .6rem .8rem; }
.facts span { display: block; color: var(--quiet); font-size: .8125rem; } .facts b { font-size: 1.15rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; margin: .5rem 0; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--quiet); padding-bottom: .25rem; } th, td { text-align: right; padding: .35rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th:first-child, td:first-child, .text { text-align: left; } thead th { border-bottom: 2px solid var(--line); }
th, td:not(.text) { white-space: nowrap; } @media (max-width: 40rem) { table { font-size: .8125rem; } th, td { padding: .35rem .3rem; } }
.good-text { color: var(--good); } .bad-text { color: var(--bad); font-weight: 600; }
.chart { width: 100%; height: auto; margin: .5rem 0; } .chart text { fill: var(--text); font: 13px system-ui, sans-serif; } .chart .tick { fill: var(--quiet); font-size: 12px; }
.chart.phone { display: none; max-width: 28rem; margin-inline: auto; } .chart.phone text { font-size: 12px; } .chart.phone .value { font-size: 11px; } .ground { fill: var(--ground); }
@media (max-width: 40rem) { .chart.page { display: none; } .chart.phone { display: block; } }
.grid { stroke: var(--line); } .zero { stroke: var(--text); stroke-width: 1.5; } .mark { stroke: var(--quiet); stroke-dasharray: 4 4; }
.interval { stroke: var(--candidate); stroke-width: 2; } .arrow, .dot { fill: var(--candidate); } .main .interval { stroke-width: 4; } .main .label, .main .value { font-weight: 700; }
.bar-candidate { fill: var(--candidate); } .bar-baseline { stroke: var(--baseline); } .hatch { stroke: var(--baseline); stroke-width: 3; } .hatch-ground { fill: var(--ground); }
.example { border: 1px solid var(--line); border-radius: .25rem; padding: .75rem 1rem 1rem; margin: 1rem 0; }
.example h3 { margin-top: 0; } .pair { display: grid; grid-template-columns: 1fr 1fr; gap: .75rem; } @media (max-width: 40rem) { .pair { grid-template-columns: 1fr; } }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: .25rem; padding: .6rem .75rem; margin: .25rem 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.tag { color: var(--quiet); font-size: .8125rem; margin: .5rem 0 0; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; font-size: .8125rem; color: var(--quiet); overflow-wrap: anywhere; }
@media print { :root { --ground: #fff; --panel: #fff; --text: #000; --quiet: #333; --line: #999; --candidate: #1257b0; --baseline: #8a5a00; }
  main { max-width: none; padding: 0; } .example, .verdict, .chart, table { break-inside: avoid; } h2, h3 { break-after: avoid; } }
`;
