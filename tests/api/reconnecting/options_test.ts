import { test } from "node:test";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  type ReconnectingOptions,
  resolveReconnecting,
} from "../../../src/api/reconnecting/options.ts";
import { ReconnectingWebSocket } from "../../../src/api/reconnecting/mod.ts";
import { fakeSockets } from "./fake_socket.ts";

const { WebSocket } = fakeSockets();

test("every option has the default that is documented", () => {
  const { shouldReconnect, ...rest } = resolveReconnecting({ WebSocket });
  assertEquals(rest, {
    WebSocket,
    socketOptions: undefined,
    maxAttempts: Infinity,
    initialDelayMs: 1000,
    backoffFactor: 1.618,
    maxDelayMs: 30_000,
    stableAfterMs: 5000,
    connectTimeoutMs: 10_000,
    closeTimeoutMs: 10_000,
    maxQueuedBytes: 1_048_576,
    resume: undefined,
    pauseWhenOffline: true,
    heartbeat: undefined,
    signal: undefined,
  });
  const end = { reason: "", wasClean: true };
  assertEquals(
    [1000, 1001, 1005, 1011, 1012, 1013, 3000].map((closeCode) =>
      shouldReconnect({ ...end, closeCode })
    ),
    [false, false, false, false, false, false, false],
  );
  const asked = resolveReconnecting({ WebSocket, reconnectCodes: [1001, 4000] }).shouldReconnect;
  assertEquals(
    [1000, 1001, 1005, 1012, 4000].map((closeCode) => asked({ ...end, closeCode })),
    [false, true, false, false, true],
  );
  for (const codes of [1001, ["1001"], [1001.5], null]) {
    assertThrows(
      () => resolveReconnecting({ WebSocket, reconnectCodes: codes as number[] }),
      TypeError,
      "reconnectCodes",
    );
  }
  assert(shouldReconnect({ closeCode: 1006, reason: "", wasClean: false }));
  const { heartbeat } = resolveReconnecting({ WebSocket, heartbeat: { message: "ping" } });
  assertEquals([heartbeat!.intervalMs, heartbeat!.timeoutMs], [20_000, 10_000]);
});

test("the class is the platform's own, where there is one", () => {
  const own = globalThis.WebSocket;
  try {
    Object.defineProperty(globalThis, "WebSocket", { value: WebSocket, configurable: true });
    assertStrictEquals(resolveReconnecting({}).WebSocket, WebSocket);
    assertThrows(() => resolveReconnecting({ socketOptions: {} }), TypeError, '"socketOptions"');
    Object.defineProperty(globalThis, "WebSocket", { value: undefined, configurable: true });
    assertThrows(() => resolveReconnecting({}), TypeError, 'give one as option "WebSocket"');
  } finally {
    Object.defineProperty(globalThis, "WebSocket", {
      value: own,
      configurable: true,
      writable: true,
    });
  }
});

test("options that do not exist are refused", () => {
  for (const name of ["minReconnectionDelay", "maxRetries", "debug", ""]) {
    assertThrows(() => resolveReconnecting({ WebSocket, [name]: 1 }), TypeError, `"${name}"`);
  }
  const heartbeat = { message: "x", interval: 1 } as never;
  assertThrows(() => resolveReconnecting({ WebSocket, heartbeat }), TypeError, '"interval"');
  assertThrows(() => resolveReconnecting(null as never), TypeError, "expected an object");
  assertThrows(() => new ReconnectingWebSocket("ws://a.test", [], { x: 1 } as never), TypeError);
});

test("values of the wrong type are refused by name", () => {
  const wrong: Record<string, unknown[]> = {
    WebSocket: [{}, "ws", 1],
    resume: [null, {}, true],
    shouldReconnect: [null, true],
    pauseWhenOffline: [null, 1, "yes"],
    heartbeat: [null, true, 1000],
    signal: [null, {}, true],
    maxAttempts: ["1", null, 1n],
    backoffFactor: ["2"],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      const options = { WebSocket, [name]: value } as ReconnectingOptions;
      const { message } = assertThrows(() => resolveReconnecting(options), TypeError);
      assert(message.includes(name) || name === "heartbeat", message);
    }
  }
  for (const message of [undefined, null, 1, {}]) {
    const options = { WebSocket, heartbeat: { message } } as ReconnectingOptions;
    assertThrows(() => resolveReconnecting(options), TypeError, '"heartbeat.message"');
  }
});

test("numbers out of range are refused with the range", () => {
  const wrong: Record<string, number[]> = {
    maxAttempts: [0, -1, 1.5, NaN],
    initialDelayMs: [-1, 0.5, Infinity, 2 ** 31],
    backoffFactor: [0.5, 101, NaN, Infinity],
    maxDelayMs: [-1, Infinity, 2 ** 31],
    stableAfterMs: [-1, NaN],
    connectTimeoutMs: [0, Infinity],
    closeTimeoutMs: [0, Infinity],
    maxQueuedBytes: [-1, 0.5, NaN],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      const options = { WebSocket, [name]: value };
      assertThrows(() => resolveReconnecting(options), RangeError, `"${name}": expected`);
    }
  }
  for (const name of ["intervalMs", "timeoutMs"]) {
    const heartbeat = { message: "x", [name]: 0 };
    assertThrows(() => resolveReconnecting({ WebSocket, heartbeat }), RangeError, name);
  }
});
