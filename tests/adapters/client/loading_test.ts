import { test } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { connect, HandshakeError } from "../../../src/adapters/client.ts";
import { Deadline } from "../../../src/adapters/node/deadline.ts";
import { loadPart } from "../../../src/adapters/node/load_part.ts";
import type { ConnectionObserver } from "../../../src/api/observer.ts";

/** An observer that notes the errors of handshakes. */
function refusals(): { observer: ConnectionObserver; codes: string[] } {
  const codes: string[] = [];
  return { codes, observer: { refuse: (_, error) => codes.push(error.code) } };
}

// The first test of this file: what opens connections is not loaded yet.
test("those who observe hear of a connection that is given up while its code is loaded", async () => {
  const { observer, codes } = refusals();
  const controller = new AbortController();
  const opening = connect("ws://127.0.0.1:9/", { signal: controller.signal, observer });
  controller.abort();
  const error = await assertRejects(() => opening, HandshakeError);
  assertEquals(error.code, "WS_HANDSHAKE_ABORTED");
  for (let i = 0; i < 500 && codes.length === 0; i++) await new Promise((f) => setTimeout(f, 10));
  assertEquals(codes, ["WS_HANDSHAKE_ABORTED"]);
});

for (const compression of [false, true]) {
  test(`and of one whose signal is aborted already, with compression ${compression}`, async () => {
    const { observer, codes } = refusals();
    const signal = AbortSignal.abort();
    const options = { signal, observer, compression };
    const error = await assertRejects(() => connect("ws://127.0.0.1:9/", options), HandshakeError);
    assertEquals(error.code, "WS_HANDSHAKE_ABORTED");
    assertEquals(codes, ["WS_HANDSHAKE_ABORTED"]);
  });
}

test("a part that cannot be loaded is one clear error, with the cause", async () => {
  const cause = new TypeError("no such module");
  const part = loadPart(Promise.reject(cause), new Deadline(1000));
  const error = await assertRejects(() => part, HandshakeError, "could not be loaded");
  assertEquals([error.code, error.cause], ["WS_CONNECT_FAILED", cause]);
});

test("a part that does not come is an error when the handshake's time is over", async () => {
  const part = loadPart(new Promise(() => {}), new Deadline(20));
  const error = await assertRejects(() => part, HandshakeError, "within 20 ms");
  assertEquals(error.code, "WS_HANDSHAKE_TIMEOUT");
});
