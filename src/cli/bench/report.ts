/**
 * What `bench` prints: a table, or JSON.
 * @module
 */

import type { LoadPlan, LoadResult } from "./load.ts";

/** The numbers of a run, as `--json` prints them. */
export interface BenchReport {
  url: string;
  connections: number;
  depth: number;
  sizeBytes: number;
  type: "text" | "binary";
  durationMs: number;
  messages: number;
  messagesPerSecond: number;
  /** Payload bytes in each direction, per second. */
  bytesPerSecond: number;
  latencyMs: { mean: number; p50: number; p90: number; p99: number; max: number };
  lost: number;
  wrong: number;
  /** Messages per second over time. */
  rates: number[];
  rateEveryMs: number;
}

/** Makes the report of a run. */
export function makeReport(plan: LoadPlan, result: LoadResult): BenchReport {
  const { latency, messages, ms } = result;
  const perSecond = ms === 0 ? 0 : messages * 1000 / ms;
  return {
    url: plan.url,
    connections: result.connections,
    depth: plan.depth,
    sizeBytes: plan.size,
    type: plan.text ? "text" : "binary",
    durationMs: round(ms),
    messages,
    messagesPerSecond: round(perSecond),
    bytesPerSecond: round(perSecond * plan.size),
    latencyMs: {
      mean: round(latency.mean),
      p50: round(latency.quantile(0.5)),
      p90: round(latency.quantile(0.9)),
      p99: round(latency.quantile(0.99)),
      max: round(latency.max),
    },
    lost: result.lost,
    wrong: result.wrong,
    rates: result.rates.map((rate) => Math.round(rate)),
    rateEveryMs: round(result.sliceMs),
  };
}

/** Shows a report as text. */
export function showReport(report: BenchReport): string {
  const { latencyMs, connections, depth, sizeBytes, type } = report;
  const rows: [string, string][] = [
    ["connections", `${connections}, ${depth} message${depth === 1 ? "" : "s"} under way on each`],
    ["messages", `${showCount(report.messages)} of ${showBytes(sizeBytes)} ${type}`],
    ["rate", `${showCount(Math.round(report.messagesPerSecond))} messages/s`],
    ["throughput", `${showBytes(report.bytesPerSecond)}/s each way`],
    ["latency p50", `${showMs(latencyMs.p50)}`],
    ["        p90", `${showMs(latencyMs.p90)}`],
    ["        p99", `${showMs(latencyMs.p99)}`],
    ["        max", `${showMs(latencyMs.max)}`],
  ];
  if (report.lost > 0) rows.push(["lost", `${report.lost} connections`]);
  if (report.wrong > 0) rows.push(["wrong", `${showCount(report.wrong)} answers were no echo`]);
  return rows.map(([name, value]) => `${name.padEnd(13)}${value}\n`).join("");
}

/** Shows a whole number with its thousands apart. */
export function showCount(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Shows bytes with a binary unit. */
export function showBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(bytes) : bytes.toFixed(1)} ${units[unit]}`;
}

/** Shows milliseconds with three digits that count. */
export function showMs(ms: number): string {
  return `${ms >= 100 ? Math.round(ms) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)} ms`;
}

function round(number: number): number {
  return Math.round(number * 1000) / 1000;
}
