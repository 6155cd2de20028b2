/** How the page looks: light or dark as the reader has it, and narrow enough for a phone. */
export const style = `
:root { color-scheme: light dark; --ink: #1c2024; --soft: #60646c; --paper: #fff; --rail: #f0f1f3;
  --line: #d9dce1; --own: #2563c9; --peer: #d9822b; --other: #9aa1ab; --good: #d7f0df; --bad: #fbe0dc; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #a0a6b0; --paper: #15171a;
  --rail: #22262b; --line: #353a41; --own: #6ea2ff; --peer: #f0a35a; --other: #767e89;
  --good: #173d26; --bad: #4a211c; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 760px; margin: 0 auto; padding: 24px 16px 64px; }
h1 { font-size: 1.5rem; margin: 0 0 8px; }
h2 { font-size: 1.15rem; margin: 40px 0 2px; }
p { margin: 2px 0 10px; color: var(--soft); overflow-wrap: anywhere; }
svg { width: 100%; height: auto; display: block; }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); font-variant-numeric: tabular-nums; }
.rail { fill: var(--rail); }
.own .bar { fill: var(--own); } .peer .bar { fill: var(--peer); } .other .bar { fill: var(--other); }
.whisker { stroke: var(--ink); stroke-width: 1.5; fill: none; opacity: .65; }
.legend span::before { content: ""; display: inline-block; width: .8em; height: .8em;
  border-radius: 2px; margin: 0 .35em 0 .6em; vertical-align: -.05em; }
.legend .own::before { background: var(--own); } .legend .peer::before { background: var(--peer); }
.legend .other::before { background: var(--other); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 10px 4px 0; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th[scope=row], thead th:first-child { text-align: left; font-weight: 500; }
tr.own th { font-weight: 700; }
.overview td { padding: 4px 8px; }
.overview td.ahead { background: var(--good); } .overview td.behind { background: var(--bad); }
.overview th:first-child { position: sticky; left: 0; background: var(--paper); }
details { margin-top: 8px; } summary { cursor: pointer; color: var(--soft); }
a { color: inherit; }
@media (max-width: 480px) { svg text { font-size: 19px; } main { padding: 16px 12px 48px; } }
`;
