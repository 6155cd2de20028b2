/**
 * A strict reader of Prometheus' text format 0.0.4, from its grammar: what it lets pass, Prometheus
 * reads, and what Prometheus only tolerates it refuses.
 * @module
 */

/** A metric as it was read. */
export interface ReadFamily {
  type: string;
  help: string;
  samples: ReadSample[];
}

/** One line of it. */
export interface ReadSample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*/;
const NUMBER = /^([+-]?Inf|NaN|[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?)$/i;
const ESCAPES: Record<string, string> = { "\\": "\\", n: "\n", '"': '"' };

/** Reads a text whole, or throws at the first thing that is wrong. */
export function readExposition(text: string): Map<string, ReadFamily> {
  if (!text.endsWith("\n")) throw new Error("the last line has no line feed");
  const families = new Map<string, ReadFamily>();
  const seen = new Set<string>();
  let current = "";
  for (const line of text.slice(0, -1).split("\n")) {
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (comment !== null) {
      const [, kind, name, rest] = comment;
      if (NAME.exec(name)?.[0] !== name) throw new Error(`not a name: ${line}`);
      if (kind === "HELP") {
        if (families.has(name)) throw new Error(`a second HELP: ${line}`);
        if (/\\(?![\\n])/.test(rest.replaceAll("\\\\", ""))) throw new Error(`bad escape: ${line}`);
        families.set(name, { type: "", help: rest, samples: [] });
        current = name;
      } else {
        const family = families.get(name);
        if (name !== current || family === undefined || family.type !== "") {
          throw new Error(`TYPE out of place: ${line}`);
        }
        if (!/^(counter|gauge|histogram)$/.test(rest)) throw new Error(`not a type: ${line}`);
        family.type = rest;
      }
      continue;
    }
    const sample = readSample(line);
    const family = families.get(current);
    if (family === undefined || family.type === "") throw new Error(`no TYPE before: ${line}`);
    const suffix = sample.name.slice(current.length);
    const allowed = family.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
    if (!sample.name.startsWith(current) || !allowed.includes(suffix)) {
      throw new Error(`a sample of another metric than ${current}: ${line}`);
    }
    const key = sample.name + JSON.stringify(Object.entries(sample.labels).sort());
    if (seen.has(key)) throw new Error(`twice: ${line}`);
    seen.add(key);
    if (family.type === "counter" && !(sample.value >= 0)) throw new Error(`below 0: ${line}`);
    family.samples.push(sample);
  }
  for (const [name, family] of families) {
    if (family.type === "") throw new Error(`${name} has no TYPE`);
    if (family.type === "histogram") checkHistogram(name, family);
  }
  return families;
}

function readSample(line: string): ReadSample {
  const name = NAME.exec(line)?.[0];
  if (name === undefined) throw new Error(`not a sample: ${line}`);
  let rest = line.slice(name.length);
  const labels: Record<string, string> = {};
  if (rest.startsWith("{")) {
    rest = rest.slice(1);
    for (;;) {
      const label = LABEL.exec(rest)?.[0];
      if (label === undefined || rest[label.length] !== "=" || rest[label.length + 1] !== '"') {
        throw new Error(`not a label: ${line}`);
      }
      if (label in labels) throw new Error(`the label ${label} twice: ${line}`);
      rest = rest.slice(label.length + 2);
      let value = "";
      for (;;) {
        if (rest === "") throw new Error(`a value without an end: ${line}`);
        const char = rest[0];
        rest = rest.slice(1);
        if (char === '"') break;
        if (char !== "\\") {
          value += char;
          continue;
        }
        if (!(rest[0] in ESCAPES)) throw new Error(`bad escape: ${line}`);
        value += ESCAPES[rest[0]];
        rest = rest.slice(1);
      }
      labels[label] = value;
      const next = rest[0];
      rest = rest.slice(1);
      if (next === "}") break;
      if (next !== ",") throw new Error(`neither "," nor "}": ${line}`);
    }
  }
  if (rest[0] !== " " || !NUMBER.test(rest.slice(1))) throw new Error(`not a number: ${line}`);
  const value = Number(rest.slice(1).replace(/Inf$/i, "Infinity"));
  return { name, labels, value };
}

function checkHistogram(name: string, { samples }: ReadFamily): void {
  const series = new Map<string, ReadSample[]>();
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels;
    const key = JSON.stringify(labels);
    series.set(key, [...series.get(key) ?? [], sample]);
  }
  for (const [key, list] of series) {
    const where = `${name}${key}`;
    const buckets = list.filter((sample) => sample.name === `${name}_bucket`);
    const [sum] = list.filter((sample) => sample.name === `${name}_sum`);
    const [count] = list.filter((sample) => sample.name === `${name}_count`);
    if (sum === undefined || count === undefined) throw new Error(`${where}: no sum or count`);
    let bound = -Infinity;
    let below = 0;
    for (const { labels: { le }, value } of buckets) {
      if (le === undefined) throw new Error(`${where}: a bucket without le`);
      const next = Number(le.replace(/Inf$/, "Infinity"));
      if (!(next > bound) || value < below) throw new Error(`${where}: buckets out of order`);
      bound = next;
      below = value;
    }
    if (bound !== Infinity || below !== count.value) throw new Error(`${where}: +Inf is not count`);
  }
}
