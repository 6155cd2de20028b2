import { assert, assertEquals } from "@std/assert";
import { test } from "node:test";
import { LAST_LOOK_MS, PatientTimer } from "../../src/api/patient_timer.ts";

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("a patient timer calls back once, after its time and a last look", async () => {
  const began = performance.now();
  let calls = 0;
  await new Promise<void>((resolve) =>
    new PatientTimer(30, () => {
      calls++;
      resolve();
    })
  );
  assert(performance.now() - began >= 30 + LAST_LOOK_MS - 2);
  await sleep(60);
  assertEquals(calls, 1);
});

test("a patient timer that is stopped, before its time or in its last look, calls nobody", async () => {
  const late: string[] = [];
  const before = new PatientTimer(20, () => late.push("before"));
  before.stop();
  // Made after it, this runs between the time of that one and the end of its look.
  const during = new PatientTimer(1, () => late.push("during"));
  await new Promise<void>((resolve) =>
    setTimeout(() => {
      during.stop();
      resolve();
    }, 1)
  );
  await sleep(60);
  during.stop();
  assertEquals(late, []);
});

test("patient timers for the same time call back in the order in which they were made", async () => {
  for (let i = 0; i < 5; i++) {
    const order: string[] = [];
    for (const name of ["first", "second"]) new PatientTimer(20, () => order.push(name));
    if (i > 2) { // late by more than the time of a look
      const end = performance.now() + 20 + 2 * LAST_LOOK_MS;
      while (performance.now() < end);
    }
    while (order.length < 2) await sleep(5);
    assertEquals(order, ["first", "second"]);
  }
});
