/**
 * How long matching a path pattern may take, told from the pattern.
 *
 * A regular expression that can split a text in several ways tries them all before it fails. Two
 * groups that may both grow make a square of the path's length, three a cube; a repeated group in
 * a repeated group doubles the time with every character. So growing things are counted, more than
 * two that could take from each other are refused, and so is what cannot be judged.
 *
 * @module
 */

import { ANYTHING, malformed, type Part, SEGMENT } from "./path_parser.ts";

/** The most growing things that may take from each other. */
const MAX_DEGREE = 2;

/** A group's expression, as far as it matters here. */
interface Expression {
  /** Repetitions without an end within a segment, and across slashes. */
  readonly inside: number;
  readonly across: number;
  /** Whether it can match a slash at all. */
  readonly slashes: boolean;
}

/**
 * Tells to which power of a path's length the time for matching it grows: 1 or 2.
 *
 * @throws {TypeError} If it is more, or cannot be told.
 */
export function degreeOf(parts: readonly Part[], source: string): number {
  let across = 0;
  let inside = 0;
  /** Growing things since the last slash that is there for certain. */
  let run = 0;
  parts.forEach((part, i) => {
    const { prefix, expression, suffix, modifier } = part;
    const repeated = modifier === "*" || modifier === "+";
    if (expression === undefined) {
      if (repeated) {
        if (prefix.includes("/")) across++;
        else run++;
      } else if (modifier === "" && prefix.includes("/")) run = 0;
      inside = Math.max(inside, run);
      return;
    }
    const it = inspect(expression, source);
    if (repeated) {
      // Only a slash between two rounds tells where one ends and the next begins.
      if (!(suffix + prefix).startsWith("/") || it.slashes || it.inside > 1) {
        throw malformed(source, "a repeated group must be parted by a slash that it cannot match");
      }
      across++;
      return;
    }
    // What takes all that is left never has to give anything back.
    if (expression === ANYTHING && suffix === "" && i === parts.length - 1) return;
    const before = run;
    if (prefix.includes("/")) run = 0;
    run += it.inside;
    across += it.across;
    inside = Math.max(inside, run);
    if (suffix.includes("/")) run = 0;
    if (modifier === "?") run = Math.max(run, before); // it may not be there
  });
  const degree = Math.max(1, across + inside);
  if (degree <= MAX_DEGREE) return degree;
  throw malformed(
    source,
    "matching could take long, for too many groups without a slash between them can grow",
  );
}

/** Looks at the regular expression of a group. */
function inspect(expression: string, source: string): Expression {
  if (expression === SEGMENT) return { inside: 1, across: 0, slashes: false };
  if (expression === ANYTHING) return { inside: 0, across: 1, slashes: true };
  let inside = 0;
  let across = 0;
  let slashes = false;
  for (const [, atom, quantifier] of splitAtoms(expression, source)) {
    const crosses = new RegExp(`^(?:${atom})$`, "v").test("/");
    slashes ||= crosses;
    if (!/^(?:[*+]|\{\d+,\d*\}|\{\d{2,}\})/.test(quantifier)) continue;
    if (crosses) across++;
    else inside++;
  }
  return { inside, across, slashes };
}

/** An atom (a class, an escape or a character) and its quantifier. */
const ATOM =
  /(\[(?:\\.|[^\]\\[])+\]|\\[dDwWsSfnrtv]|\\[^a-zA-Z0-9]|[^\\[\](){}*+?|^$])((?:[*+?]|\{\d+(?:,\d*)?\})\??)?/y;

/** Splits an expression into its atoms; alternatives and plain groups are passed over. */
function splitAtoms(expression: string, source: string): [string, string, string][] {
  const atoms: [string, string, string][] = [];
  for (let at = 0; at < expression.length;) {
    const rest = expression.slice(at, at + 3);
    if (rest === "(?:") at += 3;
    else if (rest[0] === "|") at++;
    else if (rest[0] === ")") at++; // and no atom starts with what could repeat the group
    else {
      ATOM.lastIndex = at;
      const match = ATOM.exec(expression);
      if (match === null) throw refused(source);
      atoms.push([match[0], match[1], match[2] ?? ""]);
      at = ATOM.lastIndex;
    }
  }
  return atoms;
}

function refused(source: string): TypeError {
  return malformed(
    source,
    "in an expression only characters, classes, alternatives and their repetition are allowed, " +
      "no repeated groups, assertions or references, for matching those could take long",
  );
}
