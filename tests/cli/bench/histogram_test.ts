import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Histogram } from "../../../src/cli/bench/histogram.ts";

test("quantiles are within one per cent of the exact ones", () => {
  const histogram = new Histogram();
  const values: number[] = [];
  for (let i = 0, state = 7; i < 20_000; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    values.push(10 ** ((state / 2 ** 32) * 6 - 2)); // 0.01 ms to 10 s
  }
  for (const value of values) histogram.add(value);
  values.sort((a, b) => a - b);
  for (const share of [0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = values[Math.ceil(share * values.length) - 1];
    const found = histogram.quantile(share);
    assert(Math.abs(found - exact) <= exact * 0.01, `${share}: ${found}, not ${exact}`);
  }
  assertEquals([histogram.count, histogram.max], [values.length, values.at(-1)]);
  const mean = values.reduce((sum, value) => sum + value) / values.length;
  assert(Math.abs(histogram.mean - mean) < 1e-6 * mean);
});

test("nothing, nonsense and the very long are counted and do no harm", () => {
  const histogram = new Histogram();
  assertEquals([histogram.quantile(0.5), histogram.mean, histogram.max], [0, 0, 0]);
  for (const value of [0, -1, 1e-9, 1e12]) histogram.add(value);
  assertEquals([histogram.count, histogram.max], [4, 1e12]);
  assert(histogram.quantile(0.5) <= 0.001);
});
