import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Backoff } from "../../../src/api/reconnecting/backoff.ts";
import { Random } from "../../support/random.ts";

test("delays grow by the factor up to the cap, and start over after a reset", () => {
  const backoff = new Backoff(1000, 2, 7000, () => 1);
  const draw = (count: number) => Array.from({ length: count }, () => backoff.next());
  assertEquals(draw(5), [1000, 2000, 4000, 7000, 7000]);
  backoff.reset();
  assertEquals(draw(2), [1000, 2000]);
});

test("a delay is anything from nothing to its bound", () => {
  const random = new Random(1);
  const backoff = new Backoff(1000, 1, 1000, () => random.uint32() / 2 ** 32);
  const delays = Array.from({ length: 1000 }, () => backoff.next());
  assert(delays.every((delay) => Number.isInteger(delay) && delay >= 0 && delay <= 1000));
  for (let bin = 0; bin < 10; bin++) {
    const hits = delays.filter((delay) => delay >= bin * 100 && delay < (bin + 1) * 100).length;
    assert(hits > 60 && hits < 140, `${hits} of 1000 delays are from ${bin * 100} ms on`);
  }
  assertEquals(new Backoff(1000, 2, 7000, () => 0).next(), 0);
});

test("the cap holds for the first delay, and however often it grew", () => {
  const backoff = new Backoff(1000, 100, 10, () => 1);
  for (let n = 0; n < 1000; n++) assertEquals(backoff.next(), 10);
});
