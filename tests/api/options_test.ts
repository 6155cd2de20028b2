import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  CONNECTION_OPTION_NAMES,
  type ConnectionOptions,
  resolveOptions,
} from "../../src/api/options.ts";
import { setupServer } from "../../src/api/server_opening.ts";
import { setupClient } from "../../src/api/client_setup.ts";

const NUMBERS = CONNECTION_OPTION_NAMES.filter((name) =>
  !["signal", "observer", "silentClose"].includes(name)
);

test("every option has the default that is documented", () => {
  assertEquals(resolveOptions({}), {
    maxMessageBytes: 16 * 1024 * 1024,
    maxFragments: 16384,
    maxFrameBytes: Infinity,
    maxHeaderBytes: 16384,
    handshakeTimeoutMs: 10_000,
    closeTimeoutMs: 10_000,
    pingIntervalMs: 20_000,
    pingTimeoutMs: 20_000,
    highWaterMark: 262_144,
    maxBufferedBytes: 64 * 1024 * 1024,
    fragmentBytes: Infinity,
    signal: undefined,
  });
});

test("options that do not exist are refused, on either side, by a message that names those that do", () => {
  for (
    const setup of [
      (options: object) => setupServer(options),
      (options: object) => setupClient("ws://example.com", options),
    ]
  ) {
    for (const name of ["maxPayload", "pingInterval", "maxmessagebytes", "perMessageDeflate", ""]) {
      const error = assertThrows(() => setup({ [name]: 1 }), TypeError, `"${name}"`);
      for (const allowed of CONNECTION_OPTION_NAMES) assert(error.message.includes(allowed));
    }
    for (const bad of [null, 1, "x", undefined]) {
      if (bad === undefined) continue;
      assertThrows(() => setup(bad as unknown as object), TypeError, "expected an object");
    }
    assertThrows(() => setup({ onError: 1 }), TypeError, '"onError"');
    assertThrows(() => setup({ __proto__: null, constructor: 1 }), TypeError, '"constructor"');
  }
});

test("a number of the wrong type is refused by name", () => {
  for (const name of NUMBERS) {
    for (const bad of ["10", null, true, {}, [], 10n]) {
      const options = { [name]: bad } as ConnectionOptions;
      assertThrows(() => resolveOptions(options), TypeError, `"${name}": expected a number`);
    }
  }
});

test("a number out of range is refused with the range", () => {
  for (const name of NUMBERS) {
    for (const bad of [-1, 1.5, NaN, -Infinity, Number.MAX_SAFE_INTEGER + 2]) {
      const options = { [name]: bad } as ConnectionOptions;
      assertThrows(
        () => resolveOptions(options),
        RangeError,
        `"${name}": expected an integer from`,
      );
    }
  }
});

test("times must fit a timer, since a longer one would fire at once", () => {
  for (const name of NUMBERS.filter((name) => name.endsWith("Ms"))) {
    assertThrows(() => resolveOptions({ [name]: 2 ** 31 }), RangeError, "2147483647");
    assertThrows(() => resolveOptions({ [name]: Infinity }), RangeError, name);
    resolveOptions({ [name]: 2 ** 31 - 1 });
  }
});

test("limits may be lifted with Infinity, and pings switched off with 0", () => {
  for (const name of ["maxMessageBytes", "maxFragments", "highWaterMark", "maxBufferedBytes"]) {
    resolveOptions({ [name]: Infinity });
  }
  assertThrows(() => resolveOptions({ maxHeaderBytes: Infinity }), RangeError);
  assertEquals(resolveOptions({ pingIntervalMs: 0 }).pingIntervalMs, 0);
  for (const name of ["maxFragments", "handshakeTimeoutMs", "closeTimeoutMs", "pingTimeoutMs"]) {
    assertThrows(() => resolveOptions({ [name]: 0 }), RangeError, "from 1");
  }
});

test("silentClose is a boolean, and false is as good as none", () => {
  for (const bad of [null, 1, "yes", {}]) {
    const options = { silentClose: bad } as unknown as ConnectionOptions;
    assertThrows(() => resolveOptions(options), TypeError, '"silentClose": expected a boolean');
  }
  assertEquals(resolveOptions({ silentClose: true }).silentClose, true);
  assertEquals(resolveOptions({ silentClose: false }).silentClose, undefined);
});

test("a signal that is none is refused", () => {
  for (const bad of [null, {}, "x", new EventTarget(), new AbortController()]) {
    const options = { signal: bad } as ConnectionOptions;
    assertThrows(() => resolveOptions(options), TypeError, '"signal": expected an AbortSignal');
  }
  const { signal } = new AbortController();
  assertEquals(resolveOptions({ signal }).signal, signal);
});
