import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { type SuiteResult, with_second_try } from "../../scripts/second_try.ts";

/** A suite that answers with what is given, and notes how it was called. */
function suite(...results: Partial<SuiteResult>[]) {
  const calls: [files: string[], patient: boolean][] = [];
  const run = (files: string[], patience: number): Promise<SuiteResult> => {
    calls.push([files, patience > 1]);
    return Promise.resolve({ passed: 0, failed: 0, log: "", failedFiles: [], ...results.shift() });
  };
  return { calls, run };
}

test("what holds is run once", async () => {
  const { calls, run } = suite({ passed: 9 });
  assertEquals((await with_second_try(run)).passed, 9);
  assertEquals(calls, [[[], false]]);
});

test("files that failed are run again with patience, and named when they hold then", async () => {
  const { calls, run } = suite(
    { passed: 7, failed: 3, log: "one", failedFiles: ["a", "b"] },
    { passed: 4, failed: 1, log: "two", failedFiles: ["b"] },
  );
  const { passed, failed, log, failedFiles, heldAgain } = await with_second_try(run);
  assertEquals([passed, failed, failedFiles, heldAgain], [9, 1, ["b"], ["a"]]);
  assertEquals([log.startsWith("one"), log.endsWith("two")], [true, true]);
  assertEquals(calls, [[[], false], [["a", "b"], true]]);
});

test("a runner that breaks down the second time has failed", async () => {
  const { run } = suite(
    { passed: 7, failed: 1, failedFiles: ["a"] },
    { failed: 1, failedFiles: [] },
  );
  const { failed, heldAgain } = await with_second_try(run);
  assertEquals([failed, heldAgain], [1, []]);
});

test("failures without a file, or in too many files, are not tried again", async () => {
  const many = Array.from({ length: 100 }, (_, n) => `${n}`);
  for (const first of [{ failed: 1 }, { failed: 100, failedFiles: many }]) {
    const { calls, run } = suite(first);
    assertEquals((await with_second_try(run)).failed, first.failed);
    assertEquals(calls.length, 1);
  }
});
