import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { unwatchAbort, watchAbort } from "../../src/api/abort_watch.ts";

test("all that watch a signal are called once, in order, when it is aborted", () => {
  const controller = new AbortController();
  const calls: string[] = [];
  for (const name of ["a", "b", "c"]) watchAbort(controller.signal, () => calls.push(name));
  controller.abort();
  controller.abort();
  assertEquals(calls, ["a", "b", "c"]);
});

test("who let go is not called, not even by a call before", () => {
  const controller = new AbortController();
  const calls: string[] = [];
  const last = () => calls.push("last");
  const gone = () => calls.push("gone");
  watchAbort(controller.signal, gone);
  watchAbort(controller.signal, () => unwatchAbort(controller.signal, last));
  watchAbort(controller.signal, last);
  unwatchAbort(controller.signal, gone);
  unwatchAbort(controller.signal, gone);
  controller.abort();
  assertEquals(calls, []);
});

test("a signal keeps no listener when nobody watches any more, and takes new ones", () => {
  const { signal } = new AbortController();
  let listeners = 0;
  signal.addEventListener = () => void listeners++;
  signal.removeEventListener = () => void listeners--;
  const watchers = Array.from({ length: 20 }, () => () => {});
  for (let round = 0; round < 2; round++) {
    for (const watcher of watchers) watchAbort(signal, watcher);
    assertEquals(listeners, 1);
    for (const watcher of watchers) unwatchAbort(signal, watcher);
    assertEquals(listeners, 0);
  }
});
