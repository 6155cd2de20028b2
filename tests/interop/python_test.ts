/** Python's `websockets` as client and server, plain and compressed. */
import { assert, assertEquals } from "@std/assert";
import { test } from "node:test";
import { connect, type ConnectOptions } from "../../src/adapters/client.ts";
import { serve } from "../../src/adapters/serve.ts";
import type { CloseInfo } from "../../src/api/channel.ts";
import type { WebSocketConnection } from "../../src/api/connection.ts";
import { Inbox, sleep, within } from "../adapters/support/waiting.ts";
import { findPython, runPythonClient, startPythonServer } from "./python.ts";

const python = findPython();
const skip = python === undefined && "Python's websockets is not installed here";
const name = `Python's websockets ${python?.version ?? ""}`.trim();
const SIZES = [0, 1, 125, 126, 1023, 1024, 65535, 65536, 1 << 20];
const REASON = "reason ☕";

/** A stream of so many pieces of 64 KiB, all of which are the low byte of its number. */
function pieces(count: number): { stream: ReadableStream<Uint8Array>; pulled: () => number } {
  let made = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (made === count) controller.close();
      else controller.enqueue(new Uint8Array(65536).fill(made++));
    },
  }, { highWaterMark: 0 });
  return { stream, pulled: () => made };
}

const sumOf = (count: number) =>
  Array.from({ length: count }, (_, i) => i & 255)
    .reduce((sum, byte) => sum + byte, 0);

/** A stream of these pieces, with a pause after each. */
function slowly(...texts: string[]): ReadableStream<string> {
  return new ReadableStream({
    async pull(controller) {
      await sleep(20);
      if (texts.length === 0) controller.close();
      else controller.enqueue(texts.shift()!);
    },
  });
}

/** What our server saw while Python's client ran a case. */
interface Seen {
  extensions: string;
  pings: string[];
  pieces: number[];
  end: CloseInfo;
}

/** Does what Python's client says, each message as a stream. */
async function obey(socket: WebSocketConnection, seen: Seen): Promise<void> {
  for await (const message of socket.messages()) {
    let text = "";
    let count = 0;
    if (message.type === "binary") {
      await socket.send(message.body);
      continue;
    }
    for await (const piece of message.body) {
      count++;
      text += piece;
    }
    seen.pieces.push(count);
    const [, size] = /^stream (\d+)$/.exec(text) ?? [];
    if (text === "close me") return void socket.close(3001, REASON);
    if (text === "ping me") await socket.send(`pong after ${(await socket.ping("hello")) >= 0}`);
    else if (size !== undefined) {
      await socket.send(pieces(Number(size)).stream);
    } else await socket.send(text);
  }
}

/** Runs a case of Python's client against our server. */
async function client(
  what: string,
  deflate: boolean,
): Promise<{ got: Record<string, unknown>; seen: Seen }> {
  const ends = new Inbox<CloseInfo>();
  const seen = { extensions: "", pings: [], pieces: [] } as unknown as Seen;
  await using server = await serve(async (socket) => {
    seen.extensions = socket.extensions;
    socket.closed.then((info) => ends.push(info));
    await obey(socket, seen);
    await socket.closed;
  }, {
    port: 0,
    compression: deflate,
    protocols: ["v2.chat"],
    pingIntervalMs: 300,
    closeTimeoutMs: 2000,
    onError: () => {}, // a send may meet the end
  });
  const got = await runPythonClient(python!.command, what, server.url, deflate);
  seen.end = await ends.next("end");
  return { got, seen };
}

for (const deflate of [false, true]) {
  const how = deflate ? ", compressed" : "";
  const extension = deflate ? "permessage-deflate" : "";

  test(`the client of ${name} and our server: messages of every size${how}`, { skip }, async () => {
    const { got, seen } = await client("echo", deflate);
    assertEquals(got, { extensions: deflate ? [extension] : [], subprotocol: "v2.chat" });
    assertEquals(seen.extensions.split(";")[0], extension);
    assertEquals([seen.end.closeCode, seen.end.reason, seen.end.wasClean], [4001, REASON, true]);
  });

  test(`the client of ${name} and our server: fragments as they come, both ways${how}`, {
    skip,
  }, async () => {
    const { got, seen } = await client("fragments", deflate);
    assertEquals(got, { text: "Fragmented ☕ message", bytes: 200_000, ones: 100_000 });
    // 50 ms lie between the fragments, so none of them waited for the next.
    assert(seen.pieces[0] >= (deflate ? 1 : 3), `${seen.pieces[0]} pieces`);
    assertEquals([seen.end.closeCode, seen.end.wasClean], [1000, true]);
  });

  test(`the client of ${name} and our server: pings both ways${how}`, { skip }, async () => {
    assertEquals((await client("pings", deflate)).got, { answer: "pong after true" });
  });

  test(`the client of ${name} and our server: our close${how}`, { skip }, async () => {
    const { got, seen } = await client("is_closed", deflate);
    assertEquals(got, { code: 3001, reason: REASON });
    assertEquals([seen.end.closeCode, seen.end.wasClean], [3001, true]);
  });

  test(`the client of ${name} and our server: both keep the connection alive${how}`, {
    skip,
  }, async () => {
    assertEquals((await client("keeps_alive", deflate)).got, {
      answer: "still there?",
      latency: true,
    });
  });

  test(`the client of ${name} and our server: its limit ends our stream with 1009${how}`, {
    skip,
  }, async () => {
    const { got, seen } = await client("has_a_limit", deflate);
    assertEquals(got, { sent: 1009 });
    assertEquals([seen.end.closeCode, seen.end.wasClean], [1009, true]);
  });

  test(`the client of ${name} and our server: our stream arrives whole at a slow reader${how}`, {
    skip,
  }, async () => {
    const { got } = await client("reads_slowly", deflate);
    assertEquals(got, { bytes: 640 * 65536, sum: sumOf(640) });
  });

  // ------------------------------------------------------------------ their server

  const withServer = (
    what: string,
    run: (
      open: (options?: ConnectOptions) => Promise<WebSocketConnection>,
      nextEnd: () => Promise<{ code: number; reason: string }>,
    ) => Promise<void>,
  ) =>
    test(`our client and the server of ${name}: ${what}${how}`, { skip }, async () => {
      const server = await startPythonServer(python!.command, deflate);
      try {
        await run((options) => connect(server.url, { compression: deflate, ...options }), () =>
          server.nextEnd());
      } finally {
        await within(server.stop(), "end of Python");
      }
    });

  withServer("messages of every size", async (open) => {
    const socket = await open({ protocols: ["v1.chat", "v2.chat"] });
    assertEquals([socket.extensions.split(";")[0], socket.protocol], [extension, "v2.chat"]);
    const messages = socket[Symbol.asyncIterator]();
    for (const size of SIZES) {
      await socket.send("ä".repeat(size));
      const { value } = await within(messages.next(), "echo");
      assertEquals(value === "ä".repeat(size), true, `${size} characters came back different`);
      await socket.send(new Uint8Array(size).fill(7));
      const bytes = (await within(messages.next(), "echo")).value as Uint8Array;
      assert(bytes.length === size && bytes.every((byte) => byte === 7));
    }
    assertEquals((await within(socket.close(), "end")).wasClean, true);
  });

  withServer("streams both ways", async (open) => {
    const socket = await open();
    const messages = socket.messages();
    const next = async () => {
      const message = (await within(messages.next(), "message")).value!;
      let [count, size, text, sum] = [0, 0, "", 0];
      for await (const piece of message.body as AsyncIterable<string | Uint8Array>) {
        count++;
        size += piece.length;
        if (typeof piece === "string") text += piece;
        else for (let i = 0; i < piece.length; i++) sum += piece[i];
      }
      return { type: message.type, count, size, text, sum };
    };
    await socket.send(slowly("one \ud83d", "\ude00 two", "", " three"));
    assertEquals((await next()).text, "one 😀 two three");
    await socket.send(pieces(100).stream);
    const { size, sum } = await next();
    assertEquals([size, sum], [100 * 65536, sumOf(100) * 65536]);
    await socket.send("fragments");
    const fragments = await next();
    assertEquals(fragments.text, "Fragmented ☕ message");
    assert(fragments.count >= 3, `${fragments.count} pieces: they waited for each other`);
    await socket.send("stream 300");
    const { size: total, sum: all } = await next();
    assertEquals([total, all], [300 * 65536, sumOf(300) * 65536]);
    await within(socket.close(), "end");
  });

  withServer("pings both ways", async (open) => {
    const pings = new Inbox<string>();
    const messages = new Inbox<unknown>();
    const socket = await open({
      pingIntervalMs: 100,
      handler: {
        message: (_, data) => messages.push(data),
        ping: (_, payload) => pings.push(new TextDecoder().decode(payload)),
      },
    });
    assert(await within(socket.ping("hello"), "pong") >= 0);
    await socket.send("ping me");
    assertEquals(await messages.next(), "there was a pong");
    let ping = await pings.next();
    while (ping !== "are you there?") ping = await pings.next(); // its keep-alive's come as well
    await sleep(300);
    assert(socket.latencyMs !== undefined);
    await within(socket.close(), "end");
  });

  withServer("close codes both ways", async (open, nextEnd) => {
    const ours = await open();
    const info = await within(ours.close(4001, REASON), "end");
    assertEquals([info.closeCode, info.wasClean], [4001, true]);
    assertEquals(await nextEnd(), { code: 4001, reason: REASON });
    const theirs = await open();
    await theirs.send("close me");
    const { closeCode, reason, wasClean } = await within(theirs.closed, "end");
    assertEquals([closeCode, reason, wasClean], [3001, REASON, true]);
    assertEquals(await nextEnd(), { code: 3001, reason: REASON });
  });

  if (!deflate) {
    withServer("a source is held back while it does not read", async (open) => {
      const socket = await open();
      await socket.send("sleep");
      await socket.send("x");
      await socket.send("y"); // its queue of one is full, and it reads no more
      const { stream, pulled } = pieces(800); // 50 MiB
      const sent = socket.send(stream);
      await sleep(1000);
      assert(pulled() < 800, "it was not held back");
      const messages = socket[Symbol.asyncIterator]();
      const got = [];
      for (let i = 0; i < 3; i++) got.push((await within(messages.next(), "echo", 20_000)).value);
      assertEquals(got, ["x", "y", String(800 * 65536)]);
      await within(sent, "end of the stream");
      await within(socket.close(), "end");
    });
  }
}
