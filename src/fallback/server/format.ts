/**
 * How lines are written in each mode.
 *
 * @see HTML Standard, section 9.2 (Server-sent events)
 * @module
 */

import type { FallbackMode } from "../wire/modes.ts";

/** One way of writing. */
export interface LineFormat {
  readonly contentType: string;
  /** Header fields beside the usual ones. */
  readonly headers: readonly (readonly [string, string])[];
  /** What goes first: enough for browsers and proxies to begin to hand on what comes. */
  readonly prelude: string;
  /** Writes a line; `seq` is 0 for one without a number. */
  write(line: string, seq: number): string;
}

/** Some clients look at nothing before so many bytes have come. */
const PADDING = " ".repeat(2048);

const TEXT = "text/plain; charset=utf-8";

const LINES: LineFormat = {
  contentType: TEXT,
  headers: [],
  prelude: "h\n", // so that the head goes out at once
  write: (line) => `${line}\n`,
};

const STREAM: LineFormat = { ...LINES, prelude: `h${PADDING}\n` };

const EVENTS: LineFormat = {
  contentType: "text/event-stream",
  headers: [],
  prelude: `:${PADDING}\nretry: 1000\n\ndata: h\n\n`,
  // Lines have no line ends in them, so that no field can be of a sender's making.
  write: (line, seq) => seq === 0 ? `data: ${line}\n\n` : `id: ${seq}\ndata: ${line}\n\n`,
};

/** Where the scripts of a document hand lines to. */
export interface HtmlTarget {
  /** The origin of the page around it; `"/"` for the document's own. */
  readonly origin: string;
  /** The name of a function of the page, for browsers without `postMessage`. Default: none. */
  readonly callback: string | null;
  /** What marks the document's own scripts; unguessable. */
  readonly nonce: string;
}

/**
 * A function's name that a client may choose: no other function of the page has one like it, so that
 * nothing can be called that was not made for this.
 */
export function isCallback(name: string): boolean {
  return /^fullduplex_[A-Za-z0-9_]{1,40}$/.test(name);
}

/** Writes a value as JavaScript that ends no script and begins no comment or markup. */
export function toScript(value: string): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (char) => "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}

function htmlFormat({ origin, callback, nonce }: HtmlTarget): LineFormat {
  const open = `<script nonce="${nonce}">`;
  const hand = callback === null
    ? `parent.postMessage("fullduplex:"+l,${toScript(origin)})`
    : `parent.${callback}(l)`;
  const ancestors = origin === "/" ? "'self'" : origin;
  return {
    contentType: "text/html; charset=utf-8",
    headers: [
      [
        "content-security-policy",
        `default-src 'none'; script-src 'nonce-${nonce}'; frame-ancestors ${ancestors}`,
      ],
    ],
    prelude: `<!doctype html><meta charset="utf-8"><title>fullduplex</title>` +
      `${open}function r(l){${hand}}r("h")</script>${PADDING}\n`,
    write: (line) => `${open}r(${toScript(line)})</script>\n`,
  };
}

/**
 * Finds how a mode writes.
 *
 * @param mode The mode.
 * @param target For `"htmlfile"`.
 */
export function formatFor(mode: FallbackMode, target: HtmlTarget): LineFormat {
  if (mode === "htmlfile") return htmlFormat(target);
  return mode === "event-source" ? EVENTS : mode === "xhr-stream" ? STREAM : LINES;
}
