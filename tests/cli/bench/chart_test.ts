import { test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { drawChart } from "../../../src/cli/bench/chart.ts";
import { type BenchReport, showBytes, showCount, showMs } from "../../../src/cli/bench/report.ts";

const REPORT: BenchReport = {
  url: 'ws://example.com/?a=1&b="<x>"\u0000',
  connections: 10,
  depth: 1,
  sizeBytes: 32,
  type: "binary",
  durationMs: 1000,
  messages: 1234,
  messagesPerSecond: 1234,
  bytesPerSecond: 39_488,
  latencyMs: { mean: 1, p50: 0.9, p90: 1.5, p99: 3.25, max: 12 },
  lost: 0,
  wrong: 0,
  rates: [1000, 1200, 1500, 1236],
  rateEveryMs: 250,
};

test("a chart is well-formed, says what it shows and needs nothing from elsewhere", () => {
  const svg = drawChart(REPORT);
  assert(!/(href|src|url\()/.test(svg), "it loads something");
  assert(!svg.includes("\0")); // which XML cannot have
  assertMatch(svg, /<title id="title">Load on ws:\/\/example\.com\/\?a=1&amp;b=&quot;&lt;x&gt;/);
  assertMatch(svg, /1,234 messages per second, latency p50 0\.90 ms, p99 3\.25 ms/);
  const open: string[] = [];
  for (const [, close, name, alone] of svg.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
    if (close) assertEquals(open.pop(), name);
    else if (!alone) open.push(name);
  }
  assertEquals(open, []);
});

test("every number of a chart is finite, with one slice, with none and at rest", () => {
  for (const rates of [[5], [0, 0], [1e9, 2]]) {
    const svg = drawChart({
      ...REPORT,
      rates,
      latencyMs: { mean: 0, p50: 0, p90: 0, p99: 0, max: 0 },
    });
    assert(!/NaN|Infinity|undefined/.test(svg), svg);
  }
});

test("numbers are shown with their units", () => {
  assertEquals([showCount(7), showCount(1234567)], ["7", "1,234,567"]);
  assertEquals([showBytes(0), showBytes(1536), showBytes(3 * 2 ** 40)], [
    "0 B",
    "1.5 KiB",
    "3072.0 GiB",
  ]);
  assertEquals([showMs(0.1234), showMs(12.34), showMs(1234.5)], ["0.12 ms", "12.3 ms", "1235 ms"]);
});
