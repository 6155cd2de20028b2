import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { test } from "node:test";
import { upgradeWebSocket } from "../../src/adapters/deno/mod.ts";
import { hex } from "../support/bytes.ts";
import { denoErrors, serveDeno } from "./support/deno_server.ts";
import { type NativeHarness, readClose, testNative, withPair } from "./support/native_suite.ts";
import { clientFrame } from "./support/raw.ts";
import { RUNTIME } from "./support/runtime.ts";
import { sleep, within } from "./support/waiting.ts";

const harness: NativeHarness = {
  name: "Deno.serve",
  capabilities: {
    engine: "deno",
    binary: true,
    ping: false,
    pingEvents: false,
    receiveBackPressure: false,
    receiveStreaming: false,
    sendStreaming: false,
    closeCodes: true,
    allCloseCodes: true,
    terminate: false,
    protocolErrors: false,
    earlyMessageLimit: false,
    compression: false,
    frameEvents: false,
    closeAnswers: false,
    frameDelivery: false,
  },
  serve: (handler, options) =>
    serveDeno((request, info) => upgradeWebSocket(request, handler, options, info)),
  errors: denoErrors,
};

if (RUNTIME === "deno") {
  testNative(harness);
  testDeno();
} else {
  test(`the Deno adapter says that ${RUNTIME} is not Deno; nothing else of it runs here`, async () => {
    const request = new Request("http://127.0.0.1/");
    await assertRejects(() => upgradeWebSocket(request, {}), TypeError, "Deno.upgradeWebSocket");
  });
}

function testDeno(): void {
  test("Deno.serve: pings and pongs of the application's are refused", async () => {
    await withPair(harness, {}, async (_, socket) => {
      const { name } = await assertRejects(() => socket.ping(), DOMException);
      assertEquals(name, "NotSupportedError");
      assertEquals(assertThrows(() => socket.pong(), DOMException).name, "NotSupportedError");
    });
  });

  test("Deno.serve: the peer's pings are answered, and not seen", async () => {
    await withPair(harness, {}, async (peer, _, events) => {
      peer.write(
        clientFrame({ opcode: 9, payload: "?" }),
        clientFrame({ opcode: 1, payload: "x" }),
      );
      assertEquals(await events.next(), ["message", "x"]);
      assertEquals([...await peer.readBytes(3)], [0x8a, 1, 63]);
    });
  });

  test("Deno.serve: a peer that does not answer a close frame is left after closeTimeoutMs", async () => {
    await withPair(harness, { closeTimeoutMs: 100 }, async (_, socket, events) => {
      const { error } = await within(socket.close(4000), "end", 2000);
      assertEquals(error?.code, "WS_CLOSE_TIMEOUT");
      assertEquals(await events.next(), ["error", "WS_CLOSE_TIMEOUT"]);
      assertEquals(await events.next(), ["close", 1006, "", false]);
      await sleep(20);
      assertEquals(events.size, 0);
    });
  });

  test("Deno.serve: without remote address where Deno.serve's info was not given", async () => {
    const server = serveDeno((request) =>
      upgradeWebSocket(request, (socket) => socket.send(`${socket.remoteAddress}`))
    );
    const native = new WebSocket(server.url);
    try {
      const message = new Promise((resolve) => native.onmessage = ({ data }) => resolve(data));
      assertEquals(await within(message, "message"), "undefined");
    } finally {
      native.close();
      await server.close();
    }
  });

  const faults: [name: string, bytes: string, code: string][] = [
    ["a reserved opcode", "8380 00000000", "WS_OPCODE_RESERVED"],
    ["text that is not UTF-8", "8181 00000000 ff", "WS_UTF8_INVALID"],
    ["a close code that must not be sent", "8882 00000000 03ee", "WS_CLOSE_CODE_INVALID"],
    ["a close payload of a byte", "8881 00000000 03", "WS_CLOSE_PAYLOAD_INVALID"],
    ["a continuation of nothing", "8080 00000000", "WS_CONTINUATION_UNEXPECTED"],
    ["a fragmented ping", "0980 00000000", "WS_CONTROL_FRAGMENTED"],
    ["a frame above Deno's 64 MiB", "82ff 0000000040000000 00000000", "WS_MESSAGE_TOO_LARGE"],
    ["a reserved bit, which Deno does not name", "c180 00000000", "WS_CONNECTION_LOST"],
  ];
  for (const [name, bytes, code] of faults) {
    test(`Deno.serve: ${name} is ${code}`, async () => {
      await withPair(harness, {}, async (peer, socket, events) => {
        peer.write(hex(bytes));
        assertEquals(await events.next(), ["error", code]);
        assertEquals((await within(socket.closed, "end")).closeCode, 1006);
        await peer.readToEnd();
      });
    });
  }

  test("Deno.serve: a message that crosses our close frame ends the connection uncleanly", async () => {
    await withPair(harness, {}, async (peer, socket) => {
      const closed = socket.close(4000);
      await sleep(50);
      peer.write(clientFrame({ opcode: 1, payload: "crossing" }));
      assertEquals(await within(closed, "end"), { closeCode: 1006, reason: "", wasClean: false });
      assertEquals(await readClose(peer), 4000);
    });
  });
}
