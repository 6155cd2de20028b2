/**
 * The benchmark page's style sheet.
 * @module
 */

import { PAGE_STYLE } from "./page_style.ts";

/** CSS, without anything to load. */
export const BENCHMARK_STYLE = `${PAGE_STYLE}
html, body { height: auto; }
body { min-height: 100dvh; }
#state[data-state="done"]::before { background: var(--in); border-color: var(--in); }
#settings { display: flex; flex-direction: column; gap: .75rem; }
.grid2 { display: grid; grid-template-columns: 1fr 1fr; gap: .6rem; }
.check { display: flex; align-items: center; gap: .5rem; min-height: 2rem; color: var(--text);
  font-size: .9375rem; }
.check input { width: 1.15rem; height: 1.15rem; min-height: 0; margin: 0; accent-color: var(--accent); }
.buttons { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem; }
.buttons button { padding-inline: .3rem; }
.card {
  padding: .9rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem;
}
.results { flex: 1; min-width: 0; display: flex; flex-direction: column; gap: .75rem; }
.results h2 { margin: 0; font-size: 1rem; }
.results h2 span { font-weight: 400; font-size: .8125rem; color: var(--muted); }
abbr { text-decoration: none; }
.top { display: flex; flex-wrap: wrap; align-items: baseline; gap: .3rem 1rem; }
.top button { margin-inline-start: auto; min-height: 2rem; padding: .1rem .7rem; font-size: .875rem; }
.legend { display: flex; gap: 1rem; margin: 0; padding: 0; list-style: none; font-size: .875rem; }
.legend li::before {
  content: ""; display: inline-block; width: .65rem; height: .65rem; margin-inline-end: .4rem;
}
.legend .send::before { background: var(--out); border-radius: 50%; }
.legend .receive::before { background: var(--in); }
progress { width: 100%; height: .5rem; accent-color: var(--accent); }
#chart { display: block; width: 100%; height: 20rem; }
#chart .grid { stroke: var(--line); stroke-width: 1; }
#chart .tick { fill: var(--muted); font-size: 12px; font-variant-numeric: tabular-nums; }
#chart .end { text-anchor: end; }
#chart .middle { text-anchor: middle; }
#chart polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
#chart polyline.send { stroke: var(--out); }
#chart polyline.receive { stroke: var(--in); }
#chart circle.send { fill: var(--out); stroke: var(--card); }
#chart rect.receive { fill: var(--in); stroke: var(--card); }
.table { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: start; font-size: .8125rem; color: var(--muted); padding-bottom: .3rem; }
th, td { padding: .35rem .5rem; text-align: end; white-space: nowrap; font-weight: 400; }
thead th { color: var(--muted); font-size: .8125rem; border-bottom: 1px solid var(--edge); }
th:first-child { text-align: start; padding-inline-start: 0; font-weight: 600; }
th:last-child, td:last-child { padding-inline-end: 0; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
tr.send th:first-child { color: var(--out); }
tr.receive th:first-child { color: var(--in); }
#note { margin: 0; color: var(--bad); overflow-wrap: anywhere; }
#note:empty { display: none; }
#empty { margin: .3rem 0; color: var(--muted); font-size: .875rem; }
@media (max-width: 51.99rem) {
  #chart { height: 15rem; }
  table { font-size: .8125rem; }
  th, td { padding-inline: .15rem; }
  .card { padding: .75rem; }
}
@media (min-width: 52rem) {
  main { flex-direction: row; align-items: flex-start; gap: 1rem; padding: 1rem; }
  .side { flex: 0 0 21.5rem; }
}
`;
