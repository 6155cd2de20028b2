/**
 * The chart of `bench --svg`: the rate over time and the latencies, in one file that needs nothing.
 * @module
 */

import { type BenchReport, showBytes, showCount, showMs } from "./report.ts";

const WIDTH = 720;
const HEIGHT = 400;
/** The field of the curve. */
const FIELD = { left: 72, top: 88, width: 400, height: 248 };
/** The field of the bars. */
const BARS = { left: 536, top: 88, width: 152, height: 248 };

const STYLE = `
  svg { background: #fff; color: #1b1f24; font: 13px system-ui, sans-serif; }
  .muted { fill: #59636e; } .grid { stroke: #d1d9e0; } .text { fill: currentColor; }
  .curve { fill: none; stroke: #0757b8; stroke-width: 2; } .area { fill: #0757b8; opacity: .12; }
  .bar { fill: #0757b8; } .title { font-size: 16px; font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; color: #e6edf3; } .muted { fill: #9198a1; } .grid { stroke: #3d444d; }
    .curve { stroke: #6cb6ff; } .area, .bar { fill: #6cb6ff; }
  }`;

/** Draws a report as an SVG document. */
export function drawChart(report: BenchReport): string {
  const { latencyMs, rates, connections, depth, sizeBytes, type } = report;
  const summary = `${showCount(Math.round(report.messagesPerSecond))} messages per second, ` +
    `latency p50 ${showMs(latencyMs.p50)}, p99 ${showMs(latencyMs.p99)}`;
  const setting = `${connections} connections, ${depth} under way, ${showBytes(sizeBytes)} ${type}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" ` +
    `width="${WIDTH}" height="${HEIGHT}" role="img" aria-labelledby="title desc">
<title id="title">${escape(`Load on ${report.url}`)}</title>
<desc id="desc">${escape(`${summary}; ${setting}.`)}</desc>
<style>${STYLE}
</style>
${text(24, 32, report.url.slice(0, 80), "title")}
${text(24, 50, summary, "text")}
${text(24, 68, setting, "muted")}
${drawRates(rates, report.durationMs)}
${drawLatencies(latencyMs)}
</svg>
`;
}

function drawRates(rates: readonly number[], durationMs: number): string {
  const { left, top, width, height } = FIELD;
  const most = niceAbove(Math.max(1, ...rates));
  const x = (i: number) => left + width * (rates.length === 1 ? 0.5 : i / (rates.length - 1));
  const y = (rate: number) => top + height * (1 - rate / most);
  const points = rates.map((rate, i) => `${fixed(x(i))},${fixed(y(rate))}`);
  const bottom = top + height;
  const lines = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = fixed(y(most * share));
    return `<line class="grid" x1="${left}" x2="${left + width}" y1="${at}" y2="${at}"/>` +
      text(left - 8, Number(at) + 4, showCount(Math.round(most * share)), "muted", "end");
  });
  return [
    ...lines,
    `<path class="area" d="M${fixed(x(0))},${bottom}L${points.join("L")}L${
      fixed(x(rates.length - 1))
    },${bottom}Z"/>`,
    `<polyline class="curve" points="${points.join(" ")}"/>`,
    text(left, bottom + 20, "0 s", "muted"),
    text(left + width, bottom + 20, `${(durationMs / 1000).toFixed(1)} s`, "muted", "end"),
    text(left + width / 2, bottom + 40, "messages per second over time", "text", "middle"),
  ].join("\n");
}

function drawLatencies(latencyMs: BenchReport["latencyMs"]): string {
  const { left, top, width, height } = BARS;
  const bars: [string, number][] = [
    ["p50", latencyMs.p50],
    ["p90", latencyMs.p90],
    ["p99", latencyMs.p99],
    ["max", latencyMs.max],
  ];
  const most = Math.max(0.001, latencyMs.max);
  const step = width / bars.length;
  const bottom = top + height;
  const drawn = bars.map(([name, ms], i) => {
    const size = Math.max(1, (height - 24) * ms / most);
    const middle = left + step * (i + 0.5);
    return `<rect class="bar" x="${fixed(middle - 12)}" y="${fixed(bottom - size)}" width="24" ` +
      `height="${fixed(size)}" rx="2"/>` +
      text(middle, bottom - size - 6, showMs(ms).replace(" ms", ""), "text", "middle") +
      text(middle, bottom + 20, name, "muted", "middle");
  });
  return [
    `<line class="grid" x1="${left}" x2="${left + width}" y1="${bottom}" y2="${bottom}"/>`,
    ...drawn,
    text(left + width / 2, bottom + 40, "latency in ms", "text", "middle"),
  ].join("\n");
}

/** The next round number: a fourth of it is one as well. */
function niceAbove(number: number): number {
  const size = 10 ** Math.floor(Math.log10(number));
  return [1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10].map((step) => step * size).find((step) =>
    step >= number
  )!;
}

function text(
  x: number,
  y: number,
  content: string,
  kind: string,
  anchor: "start" | "middle" | "end" = "start",
): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" class="${kind} text" text-anchor="${anchor}">${
    escape(content)
  }</text>`.replace(`class="muted text"`, `class="muted"`);
}

function fixed(number: number): string {
  return number.toFixed(1);
}

function escape(content: string): string {
  // deno-lint-ignore no-control-regex -- XML cannot have them, escaped or not
  return content.replace(/[\0-\x08\x0b\x0c\x0e-\x1f]/g, "�").replace(
    /[&<>"]/g,
    (character) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[character]!,
  );
}
