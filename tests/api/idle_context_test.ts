import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { IdleContext } from "../../src/api/idle_context.ts";
import { sleep, until } from "./ends.ts";

test("a context is idle once, after a whole interval without a use, and again after the next", async () => {
  let idle = 0;
  const context = new IdleContext(40, () => idle++);
  for (let i = 0; i < 10; i++) {
    context.use();
    await sleep(10);
  }
  assertEquals(idle, 0);
  await until(() => idle === 1, "it was idle");
  await sleep(120);
  assertEquals(idle, 1);
  context.use();
  await until(() => idle === 2, "it was idle again");
});

test("a context that is stopped, or never idle, calls nobody", async () => {
  let idle = 0;
  const stopped = new IdleContext(5, () => idle++);
  const never = new IdleContext(0, () => idle++);
  stopped.use();
  never.use();
  stopped.stop();
  await sleep(50);
  assert(idle === 0);
});
