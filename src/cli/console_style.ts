/**
 * The console page's style sheet.
 * @module
 */

/** CSS, without anything to load. Colours keep a contrast of 4.5 or more in both schemes. */
export const CONSOLE_STYLE = `
:root {
  color-scheme: light dark;
  --page: #f4f5f7; --card: #ffffff; --line: #c9ced6; --edge: #7b8491; --text: #1b1e23;
  --muted: #565e6a; --accent: #0b57d0; --on-accent: #ffffff;
  --in: #0b6b3a; --out: #0b57d0; --bad: #b3261e; --note: #565e6a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #121417; --card: #1b1e23; --line: #363c45; --edge: #7d8794; --text: #e7e9ec;
    --muted: #a4acb8; --accent: #8ab4f8; --on-accent: #0c1b33;
    --in: #7ad3a0; --out: #8ab4f8; --bad: #ffb4ab; --note: #a4acb8;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html { height: 100%; }
body {
  margin: 0; height: 100dvh; min-height: 26rem; display: flex; flex-direction: column;
  background: var(--page); color: var(--text);
  font: 1rem/1.4 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
header {
  display: flex; align-items: center; justify-content: space-between; gap: .75rem;
  padding: .6rem 1rem; background: var(--card); border-bottom: 1px solid var(--line);
}
h1 { margin: 0; font-size: 1.05rem; white-space: nowrap; letter-spacing: -.01em; }
h1 span { font-weight: 400; color: var(--muted); }
#state { margin: 0; font-size: .875rem; text-align: end; overflow-wrap: anywhere; }
#state::before {
  content: ""; display: inline-block; width: .6rem; height: .6rem; margin-inline-end: .45rem;
  border: 2px solid var(--muted); border-radius: 50%;
  vertical-align: -.1em;
}
#state[data-state="open"]::before { background: var(--in); border-color: var(--in); }
#state[data-state="connecting"]::before, #state[data-state="closing"]::before {
  background: var(--muted);
}
#state[data-state="lost"]::before { background: var(--bad); border-color: var(--bad); }
main {
  flex: 1; min-height: 0; display: flex; flex-direction: column; gap: .75rem; padding: .75rem;
  width: 100%; max-width: 80rem; margin: 0 auto;
}
.side, .side form { display: flex; flex-direction: column; gap: .6rem; }
details .field + form { margin-top: .6rem; }
summary {
  width: fit-content; padding: .2rem 0; cursor: pointer; font-size: .875rem; color: var(--muted);
  border-radius: .25rem;
}
details[open] summary { margin-bottom: .4rem; }
.row { display: flex; gap: .5rem; align-items: end; }
.field { flex: 1; min-width: 0; display: flex; flex-direction: column; gap: .2rem; }
.field.code { flex: 0 0 5.5rem; }
label { font-size: .8125rem; color: var(--muted); }
input, textarea, button { font: inherit; color: inherit; border-radius: .5rem; }
input, textarea {
  width: 100%; min-height: 2.5rem; padding: .4rem .65rem; background: var(--card);
  border: 1px solid var(--edge);
}
::placeholder { color: var(--muted); opacity: 1; }
button {
  min-height: 2.5rem; padding: .4rem .9rem; cursor: pointer; white-space: nowrap;
  background: var(--card); border: 1px solid var(--edge);
}
button:hover:enabled { border-color: var(--accent); }
button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
button:disabled { cursor: default; color: var(--muted); background: none; border-color: var(--line); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.routes { flex: 1; display: flex; gap: .4rem; }
.route { flex: 1; padding: .2rem .3rem; font-size: .9375rem; }
#connect { min-width: 7.25rem; padding-inline: .5rem; }
.route[aria-pressed="true"] {
  border-color: var(--accent); color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent);
}
.messages {
  flex: 1; min-height: 14rem; display: flex; flex-direction: column; overflow: hidden;
  background: var(--card); border: 1px solid var(--line); border-radius: .75rem;
}
.bar {
  display: flex; align-items: center; justify-content: space-between; gap: .5rem;
  padding: .3rem .4rem .3rem .9rem; border-bottom: 1px solid var(--line);
}
.bar p { margin: 0; font-size: .875rem; color: var(--muted); }
.bar button { min-height: 2rem; padding: .1rem .7rem; font-size: .875rem; }
.scroll { position: relative; flex: 1; min-height: 0; }
#log {
  position: absolute; inset: 0; margin: 0; padding: .25rem 0; overflow-y: auto; list-style: none;
}
#log:focus-visible { outline-offset: -3px; }
#latest {
  position: absolute; bottom: .6rem; left: 50%; transform: translateX(-50%); border-radius: 2rem;
  min-height: 2.25rem; box-shadow: 0 2px 8px rgb(0 0 0 / .3);
  background: var(--accent); border-color: var(--accent); color: var(--on-accent);
}
#log li { padding: .4rem .9rem; border-inline-start: 3px solid transparent; }
#log li + li { border-top: 1px solid var(--line); }
#log li.in { border-inline-start-color: var(--in); }
#log li.out { border-inline-start-color: var(--out); }
#log li.bad { border-inline-start-color: var(--bad); }
.meta {
  display: flex; flex-wrap: wrap; gap: .1rem .7rem; align-items: baseline;
  font-size: .8125rem; color: var(--muted); font-variant-numeric: tabular-nums;
}
.way { font-weight: 600; }
.in .way { color: var(--in); }
.out .way { color: var(--out); }
.bad .way { color: var(--bad); }
.meta a { color: var(--accent); }
#log pre {
  margin: .1rem 0 0; max-height: 12rem; overflow: auto; white-space: pre-wrap;
  overflow-wrap: anywhere; font: .875rem/1.45 ui-monospace, "SF Mono", Menlo, Consolas, monospace;
}
#composer {
  display: flex; flex-wrap: wrap; gap: .5rem; align-items: end; padding: .6rem;
  border-top: 1px solid var(--line);
}
#text { flex: 1; min-width: 0; max-height: 8rem; resize: none; field-sizing: content; }
#hint { flex: 1 0 100%; margin: 0; font-size: .8125rem; color: var(--muted); }
.hidden {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap;
}
body.dropping .messages { outline: 3px dashed var(--accent); outline-offset: -3px; }
@media (max-width: 51.99rem) {
  #hint { display: none; }
  .bar p { padding-inline-start: 0; }
}
@media (min-width: 52rem) {
  main { flex-direction: row; gap: 1rem; padding: 1rem; }
  .side { flex: 0 0 21.5rem; gap: 1rem; }
  #connection, details {
    padding: .9rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem;
  }
}
@media (max-height: 36rem) and (max-width: 51.99rem) {
  body { height: auto; }
  .messages { min-height: 22rem; }
}
`;
