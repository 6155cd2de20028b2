/**
 * What the style sheets of the pages share: colours, controls and the layout of two columns.
 * @module
 */

/** CSS, without anything to load. Colours keep a contrast of 4.5 or more in both schemes. */
export const PAGE_STYLE = `
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
details .row + form { margin-top: .6rem; }
summary {
  width: fit-content; padding: .2rem 0; cursor: pointer; font-size: .875rem; color: var(--muted);
  border-radius: .25rem;
}
details[open] summary { margin-bottom: .4rem; }
.row { display: flex; gap: .5rem; align-items: end; }
.field { flex: 1; min-width: 0; display: flex; flex-direction: column; gap: .2rem; }
.field.code { flex: 0 0 5.5rem; }
label { font-size: .8125rem; color: var(--muted); }
input, textarea, select, button { font: inherit; color: inherit; border-radius: .5rem; }
input, textarea, select {
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
.about { margin: 0; font-size: .875rem; color: var(--muted); overflow-wrap: anywhere; }
.about:empty { display: none; }
nav { flex: 1; font-size: .875rem; }
nav a { color: var(--accent); }
.hidden {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap;
}
`;
