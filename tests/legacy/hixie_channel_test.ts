import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { describe, test } from "node:test";
import type { WebSocketConnection } from "../../src/api/connection.ts";
import { prepareMessage } from "../../src/api/prepared_message.ts";
import type { Sendable, SendOptions } from "../../src/api/sender.ts";
import { WebSocketError } from "../../src/errors.ts";
import { sleep, soon, take, until } from "../api/ends.ts";
import { assertBytes, join } from "../support/bytes.ts";
import { CLOSE, lengthFrame, open, textFrame, utf8 } from "./support.ts";

const VERSIONS = ["hixie-75", "hixie-76"] as const;

/** How a connection ended, with the code of its error. */
async function ending(socket: WebSocketConnection): Promise<unknown[]> {
  const { closeCode, reason, wasClean, error } = await soon(socket.closed, "the end");
  return [closeCode, reason, wasClean, error?.code];
}

for (const version of VERSIONS) {
  const closing = version === "hixie-76" ? CLOSE : new Uint8Array(0);

  describe(version, () => {
    test("messages go both ways, in order and whole", async () => {
      const { peer, socket } = await open(version);
      const texts = ["", "a", "h☕llo 😀", "x".repeat(4095), "y".repeat(70_000), "\u0000\ufeff"];
      for (const text of texts) {
        peer.write(textFrame(text));
        socket.send(text);
      }
      assertEquals(await take(socket, texts.length), texts);
      const wire = join(texts.map(textFrame));
      assertBytes(await peer.read(wire.length), wire);
      socket.terminate();
    });

    test("text can be sent as bytes, as a Blob and as a stream", async () => {
      const { peer, socket } = await open(version);
      socket.send(utf8("bytes ☕"), { type: "text" });
      socket.send(new Blob(["blob"]), { type: "text" });
      socket.send(ReadableStream.from(["one ", "", "two ☕"]));
      socket.send("\ud800");
      await socket.send("last");
      const wire = join(["bytes ☕", "blob", "one two ☕", "\ufffd", "last"].map(textFrame));
      assertBytes(await peer.read(wire.length), wire);
      socket.terminate();
    });

    test("what was sent together is written together, and a large message by itself", async () => {
      const { peer, socket } = await open(version);
      const before = peer.writes;
      for (let i = 0; i < 100; i++) socket.send(`message ${i}`);
      await peer.read(100 * 11 + 90);
      assertEquals(peer.writes - before, 1);
      const large = "z".repeat(300_000);
      await socket.send(large);
      assertBytes(await peer.read(300_002), textFrame(large));
      socket.terminate();
    });

    test("bytes cannot be sent, and the connection goes on", async () => {
      const { peer, socket } = await open(version);
      const refused = async (data: Sendable, options?: SendOptions) => {
        const error = await assertRejects(() => socket.send(data, options), DOMException);
        assertEquals(error.name, "NotSupportedError");
        assert(error.message.includes(`${version} has text only`), error.message);
      };
      await refused(new Uint8Array(3));
      await refused(new Uint8Array(3), { type: "binary" });
      await refused("text", { type: "binary" });
      await refused(new Blob(["x"]));
      await refused(ReadableStream.from([new Uint8Array(3)]));
      await refused(prepareMessage(new Uint8Array(3)));
      socket.send(new Uint8Array(3)); // a rejection that nobody looks at does no harm
      assertEquals(socket.trySend(new Uint8Array(3)), false);
      assertEquals(socket.trySend(prepareMessage(new Uint8Array(3))), false);
      assertEquals(socket.trySend(prepareMessage("prepared")), true);
      await socket.send(prepareMessage("too ☕"));
      assertBytes(await peer.read(19), join([textFrame("prepared"), textFrame("too ☕")]));
      await socket.send("still there");
      assertBytes(await peer.read(13), textFrame("still there"));
      assertEquals(socket.capabilities.binary, false);
      socket.terminate();
    });

    test("there are no pings, not by hand and not by the heartbeat", async () => {
      const { peer, socket } = await open(version, { pingIntervalMs: 10, pingTimeoutMs: 10 });
      const error = await assertRejects(() => socket.ping(), DOMException);
      assertEquals(error.name, "NotSupportedError");
      assertThrows(() => socket.pong(), DOMException);
      assertEquals(socket.capabilities.ping, false);
      const before = peer.received;
      await sleep(60);
      assertEquals([socket.readyState, peer.received], [1, before]);
      await socket.send("x");
      assertBytes(await peer.read(3), textFrame("x"));
      socket.terminate();
    });

    test("frames with a length, and those of unknown types, are skipped", async () => {
      const { peer, socket } = await open(version);
      peer.write(
        lengthFrame(0x80, 5),
        lengthFrame(0xfe, 300),
        lengthFrame(0x80, 0),
        lengthFrame(0xff, 1),
        Uint8Array.of(0x80, 0x80, 0x80, 0x02, 0x00, 0xff), // a length with leading zeros
        Uint8Array.of(0x01, 0x00, 0x41, 0xff),
        textFrame("after"),
      );
      assertEquals(await take(socket, 1), ["after"]);
      socket.terminate();
    });

    test("a frame is skipped as it comes and never gathered", async () => {
      const { peer, socket } = await open(version, { maxMessageBytes: 4 * 1024 * 1024 });
      peer.write(lengthFrame(0x90, 4 * 1024 * 1024, 0));
      const piece = new Uint8Array(64 * 1024);
      for (let i = 0; i < 64; i++) peer.write(piece);
      peer.write(textFrame("after"));
      assertEquals(await take(socket, 1), ["after"]);
      socket.terminate();
    });

    for (
      const [what, wire, code] of [
        ["a length over the limit", lengthFrame(0x80, 1001, 0), "WS_MESSAGE_TOO_LARGE"],
        [
          "a length that never ends",
          join([Uint8Array.of(0x80), new Uint8Array(64).fill(0x80)]),
          "WS_LENGTH_NOT_MINIMAL",
        ],
        [
          "a length beyond all numbers",
          join([Uint8Array.of(0x80), new Uint8Array(64).fill(0xff)]),
          "WS_MESSAGE_TOO_LARGE",
        ],
        [
          "an unknown frame over the limit",
          join([Uint8Array.of(0x42), new Uint8Array(1001)]),
          "WS_MESSAGE_TOO_LARGE",
        ],
        [
          "text over the limit, before its end",
          join([Uint8Array.of(0), new Uint8Array(1001).fill(0x61)]),
          "WS_MESSAGE_TOO_LARGE",
        ],
        ["text that is no UTF-8", Uint8Array.of(0x00, 0xc0, 0xaf, 0xff), "WS_UTF8_INVALID"],
        ["a surrogate", Uint8Array.of(0x00, 0xed, 0xa0, 0x80), "WS_UTF8_INVALID"],
        ["text cut inside a character", Uint8Array.of(0x00, 0xe2, 0x98, 0xff), "WS_UTF8_INVALID"],
      ] as const
    ) {
      for (const cut of [false, true]) {
        test(`${what} fails the connection${cut ? ", byte by byte" : ""}`, async () => {
          const { peer, socket } = await open(version, { maxMessageBytes: 1000 });
          peer.write(textFrame("before"));
          if (cut) peer.writeByteByByte(wire);
          else peer.write(wire);
          const messages: unknown[] = [];
          const error = await assertRejects(async () => {
            for await (const message of socket) messages.push(message);
          }, WebSocketError);
          assertEquals([messages, error.code, error.closeCode], [["before"], code, 1006]);
          assertEquals(await peer.readToEnd(), closing);
          peer.end();
          assertEquals(await ending(socket), [1006, "", false, code]);
        });
      }
    }

    test("a message of exactly the limit passes", async () => {
      const { peer, socket } = await open(version, { maxMessageBytes: 1000 });
      const text = "é".repeat(500);
      peer.write(textFrame(text), lengthFrame(0x80, 1000));
      peer.writeByteByByte(textFrame(text));
      assertEquals(await take(socket, 2), [text, text]);
      socket.terminate();
    });

    test("a frame of maxFrameBytes passes, and a larger one fails the connection", async () => {
      const exact = await open(version, { maxFrameBytes: 10 });
      exact.peer.write(lengthFrame(0x80, 10), textFrame("é".repeat(5)));
      assertEquals(await take(exact.socket, 1), ["é".repeat(5)]);
      exact.socket.terminate();
      for (const streaming of [false, true]) {
        for (
          const [wire, code] of [
            [textFrame("x".repeat(11)), "WS_FRAME_TOO_LARGE"],
            [lengthFrame(0x80, 11, 0), "WS_MESSAGE_TOO_LARGE"],
          ] as const
        ) {
          const { peer, socket } = await open(version, { maxFrameBytes: 10 });
          if (streaming) void socket.messages().next().catch(() => {});
          peer.write(wire);
          await peer.readToEnd();
          peer.end();
          assertEquals((await ending(socket))[3], code);
        }
      }
    });

    test("a message is read while it arrives, and limits do not apply to it", async () => {
      const { peer, socket } = await open(version, { maxMessageBytes: 10 });
      const messages = socket.messages();
      peer.write(textFrame("tiny").subarray(0, 3));
      const first = (await messages.next()).value!;
      assertEquals(first.type, "text");
      const pieces = (first.body as ReadableStream<string>).getReader();
      assertEquals((await pieces.read()).value, "ti");
      peer.write(utf8("ny, and then longer than ten ☕").subarray(0, -1));
      assertEquals((await pieces.read()).value, "ny, and then longer than ten ");
      peer.write(utf8("☕").subarray(2), Uint8Array.of(0xff), textFrame("next"));
      assertEquals((await pieces.read()).value, "☕");
      assertEquals((await pieces.read()).done, true);
      const second = (await messages.next()).value!;
      let text = "";
      for await (const piece of second.body as ReadableStream<string>) text += piece;
      assertEquals(text, "next");
      socket.terminate();
    });

    test("a reader that takes nothing holds the peer back", async () => {
      const { peer, socket } = await open(version, { highWaterMark: 1000 });
      const before = peer.taken;
      const iterator = socket[Symbol.asyncIterator]();
      for (let i = 0; i < 50; i++) peer.write(textFrame("x".repeat(98)));
      await sleep(50);
      assert(peer.taken - before < 2000, `${peer.taken - before} bytes were taken`);
      for (let i = 0; i < 50; i++) assertEquals((await iterator.next()).value, "x".repeat(98));
      socket.terminate();
    });

    test("messages of one chunk wait while reading is paused", async () => {
      const { peer, socket } = await open(version);
      socket.pause();
      peer.write(textFrame("one"), textFrame("two"));
      const iterator = socket[Symbol.asyncIterator]();
      let came = false;
      const first = iterator.next().finally(() => came = true);
      await sleep(30);
      assertEquals(came, false);
      socket.resume();
      assertEquals((await first).value, "one");
      assertEquals((await iterator.next()).value, "two");
      socket.terminate();
    });

    test("a peer that does not read makes send() wait and trySend() refuse", async () => {
      const { peer, socket } = await open(version, { highWaterMark: 1000 });
      peer.stall();
      let waiting = true;
      const sent = socket.send("x".repeat(5000)).then(() => waiting = false);
      await sleep(20);
      assert(waiting);
      assertEquals([socket.trySend("y"), socket.bufferedAmount], [false, 5002]);
      peer.unstall();
      await soon(sent, "the send");
      assertEquals([socket.trySend("y"), waiting], [true, false]);
      assertBytes(await peer.read(5005), join([textFrame("x".repeat(5000)), textFrame("y")]));
      socket.terminate();
    });

    test("a source that fails leaves its frame open, so that nobody takes it for whole", async () => {
      const { peer, socket } = await open(version);
      async function* source(): AsyncGenerator<string> {
        yield "half";
        await sleep(5);
        throw new Error("no more");
      }
      await assertRejects(() => socket.send(ReadableStream.from(source())), Error, "no more");
      assertBytes(await peer.readToEnd(), textFrame("half").subarray(0, -1));
      peer.end();
      assertEquals(await ending(socket), [1006, "", false, "WS_SEND_FAILED"]);
    });

    test("a signal that is aborted cuts the connection", async () => {
      const controller = new AbortController();
      const { peer, socket } = await open(version, { signal: controller.signal });
      await sleep(5);
      controller.abort();
      assertEquals(await ending(socket), [1006, "", false, "WS_ABORTED"]);
      await peer.readToEnd();
    });

    test("a peer that cuts the connection inside a message loses it", async () => {
      const { peer, socket } = await open(version);
      peer.write(Uint8Array.of(0x00, 0x41));
      peer.end();
      assertEquals(await ending(socket), [1006, "", false, "WS_CONNECTION_LOST"]);
    });

    test("messages after our close are dropped, and nothing is sent after it", async () => {
      const { peer, socket } = await open(version);
      const iterator = socket[Symbol.asyncIterator]();
      socket.send("before");
      const closed = socket.close(1011, "which nobody will see");
      await assertRejects(() => socket.send("after"), WebSocketError, "closing");
      assertBytes(await peer.read(8 + closing.length), join([textFrame("before"), closing]));
      peer.write(textFrame("too late"), closing);
      peer.end();
      const { wasClean, closeCode, error } = await closed;
      const code = version === "hixie-76" ? 1005 : 1006;
      assertEquals([closeCode, wasClean, error], [code, version === "hixie-76", undefined]);
      assertEquals((await iterator.next()).done, true);
    });

    test("a peer that never closes in turn is cut", async () => {
      const { peer, socket } = await open(version, { closeTimeoutMs: 50 });
      socket.close();
      await sleep(20);
      peer.write(textFrame("blah"));
      assertEquals(await ending(socket), [1006, "", false, "WS_CLOSE_TIMEOUT"]);
    });
  });
}

test("hixie-76: the peer's closing frame is answered, and nothing after it counts", async () => {
  const { peer, socket } = await open("hixie-76");
  peer.write(textFrame("one"), CLOSE, textFrame("two"));
  const messages: unknown[] = [];
  for await (const message of socket) messages.push(message);
  assertEquals(messages, ["one"]);
  assertEquals(await peer.readToEnd(), CLOSE); // the server ends the byte stream first
  peer.end();
  assertEquals(await ending(socket), [1005, "", true, undefined]);
});

test("hixie-76: the end of the bytes without a closing frame is a loss", async () => {
  const { peer, socket } = await open("hixie-76");
  peer.write(textFrame("one"));
  peer.end();
  await assertRejects(async () => {
    for await (const _ of socket);
  }, WebSocketError);
  assertEquals(await ending(socket), [1006, "", false, "WS_CONNECTION_LOST"]);
});

test("hixie-75: FF 00 is a frame to skip, and the end of the bytes is the close", async () => {
  const { peer, socket } = await open("hixie-75", {}, textFrame("glued"));
  peer.write(CLOSE, textFrame("two"));
  peer.end();
  const messages: unknown[] = [];
  for await (const message of socket) messages.push(message);
  assertEquals(messages, ["glued", "two"]);
  assertEquals((await peer.readToEnd()).length, 0);
  assertEquals(await ending(socket), [1006, "", false, undefined]);
});

test("a peer's end while reading is paused counts when it goes on", async () => {
  const { peer, socket } = await open("hixie-75");
  socket.pause();
  peer.write(textFrame("one"));
  peer.end();
  await sleep(20);
  assertEquals(socket.readyState, 1);
  const messages = take(socket, 2);
  socket.resume();
  assertEquals(await messages, ["one"]);
  await until(() => socket.readyState === 3, "it closed");
});
