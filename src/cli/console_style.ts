/**
 * The console page's style sheet.
 * @module
 */

import { PAGE_STYLE } from "./page_style.ts";

/** CSS, without anything to load. */
export const CONSOLE_STYLE = `${PAGE_STYLE}
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
  display: flex; flex-wrap: wrap; align-items: center; gap: .4rem;
  padding: .4rem .4rem .4rem .9rem; border-bottom: 1px solid var(--line);
}
.bar p { flex: 1 0 auto; margin: 0; font-size: .875rem; color: var(--muted); }
.bar button, .bar input { min-height: 2rem; padding: .1rem .7rem; font-size: .875rem; }
.bar input { width: 9rem; }
.bar button[aria-pressed="true"] {
  border-color: var(--accent); color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent);
}
.field.type { flex: 0 0 8.25rem; }
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
#log pre.dump { white-space: pre; }
#composer {
  display: flex; flex-direction: column; gap: .5rem; padding: .6rem;
  border-top: 1px solid var(--line);
}
#text { max-height: 8rem; resize: none; field-sizing: content; }
.tools { align-items: center; }
#kind { width: auto; }
#hint { flex: 1; margin: 0; font-size: .8125rem; color: var(--muted); }
#send { margin-inline-start: auto; min-width: 5.5rem; }
body.dropping .messages { outline: 3px dashed var(--accent); outline-offset: -3px; }
@media (max-width: 51.99rem) {
  #hint { display: none; }
  .bar { padding-inline-start: .75rem; }
  .bar p { flex-basis: 100%; }
  .bar input { flex: 1; width: auto; min-width: 0; }
  .bar button, .bar input { min-height: 2.25rem; }
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
