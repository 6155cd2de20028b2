/**
 * permessage-deflate with `ws` on the other side: every combination of parameters, both roles.
 * @module
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import http from "node:http";
import { WebSocket, WebSocketServer } from "ws";
import type { CompressionOptions } from "../../src/api/mod.ts";
import { connect } from "../../src/adapters/client.ts";
import { serve } from "../../src/adapters/serve.ts";
import { Inbox, within } from "../adapters/support/waiting.ts";
import { listenLocally } from "./http_server.ts";

type Data = string | Uint8Array;

/** One end, whoever's it is. */
interface End {
  extensions: string;
  inbox: Inbox<Data>;
  /** Sends a message, in so many fragments. */
  send(data: Data, fragments: number): void;
  close(): void;
}

const SIZES = [0, 16, 1023, 1024, 4096, 65535, 65536, 131072];

function text(size: number): string {
  let text = "";
  for (let i = 0; text.length < size; i++) text += `{"id":${i},"name":"user ${i % 7}","é":true},`;
  return text.slice(0, size);
}

function bytes(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * i >> 6) & 31);
}

function halves<T extends Data>(data: T, count: number): T[] {
  const step = Math.ceil(data.length / count);
  return Array.from({ length: count }, (_, i) => data.slice(i * step, (i + 1) * step) as T);
}

// deno-lint-ignore no-explicit-any
function wrapTheirs(socket: any): End {
  const inbox = new Inbox<Data>();
  socket.on("message", (data: Uint8Array, binary: boolean) => {
    inbox.push(binary ? new Uint8Array(data) : data.toString());
  });
  socket.on("error", (error: Error) => inbox.push(`error: ${error.message}`));
  return {
    get extensions() {
      return socket.extensions;
    },
    inbox,
    send(data, fragments) {
      if (fragments === 1) return socket.send(data);
      halves(data, fragments).forEach((part, i) => {
        socket.send(part, { fin: i === fragments - 1, binary: typeof data !== "string" });
      });
    },
    close: () => socket.close(),
  };
}

/** A socket of ours, as far as it is used here. */
type OurSocket = Awaited<ReturnType<typeof connect>>;

function wrapOurs(socket: OurSocket): End {
  const inbox = new Inbox<Data>();
  (async () => {
    for await (const data of socket) inbox.push(data);
  })().catch((error) => inbox.push(`error: ${error}`));
  return {
    extensions: socket.extensions,
    inbox,
    send(data, fragments) {
      if (fragments === 1) return void socket.send(data);
      const parts = halves(data, fragments);
      socket.send(
        new ReadableStream({
          pull(controller) {
            const part = parts.shift();
            if (part === undefined) controller.close();
            else controller.enqueue(part as Uint8Array);
          },
        }) as ReadableStream<Uint8Array>,
        { type: typeof data === "string" ? "text" : "binary" },
      );
    },
    close: () => void socket.close(),
  };
}

/** Sends everything both ways, and checks that it comes as it was, in order. */
async function exchange(ours: End, theirs: End): Promise<void> {
  for (const [from, to] of [[ours, theirs], [theirs, ours]]) {
    const sent: Data[] = [];
    for (const size of SIZES) {
      for (const fragments of size < 16 ? [1] : [1, 3]) {
        for (const data of [text(size), bytes(size)]) {
          sent.push(data);
          from.send(data, fragments);
        }
      }
    }
    for (const [i, data] of sent.entries()) {
      const got = await to.inbox.next(`message ${i}`);
      assertEquals(typeof got, typeof data, `message ${i}: ${String(got).slice(0, 80)}`);
      assert(
        typeof got === "string"
          ? got === data
          : got.length === data.length && got.every((byte, at) => byte === data[at]),
        `message ${i} of ${data.length} differs`,
      );
    }
  }
}

const OURS: Record<string, CompressionOptions | true> = {
  "defaults": true,
  "takeover": { contextTakeover: true },
  "takeover, large windows": { contextTakeover: true, windowBits: 15, peerWindowBits: 15 },
  "only the peer's takeover": { peerContextTakeover: true },
  "only our takeover, 9 bits": { contextTakeover: true, peerContextTakeover: false, windowBits: 9 },
  "small windows, level 9": { windowBits: 10, peerWindowBits: 9, level: 9, memLevel: 9 },
};

interface Theirs {
  serverNoContextTakeover?: boolean;
  clientNoContextTakeover?: boolean;
  serverMaxWindowBits?: number;
  clientMaxWindowBits?: number | boolean;
}

const THEIRS: Theirs[] = [{}];
for (const server of [false, true]) {
  for (const client of [false, true]) {
    for (const bits of [9, 12]) {
      THEIRS.push({
        // To it "false" means that the other side must not ask for it either.
        ...(server ? { serverNoContextTakeover: true } : {}),
        ...(client ? { clientNoContextTakeover: true } : {}),
        serverMaxWindowBits: bits,
        clientMaxWindowBits: bits,
      });
    }
  }
}

function label(theirs: Theirs): string {
  return Object.entries(theirs).map(([name, value]) => `${name}=${value}`).join(", ") || "defaults";
}

for (const [name, compression] of Object.entries(OURS)) {
  for (const theirs of THEIRS) {
    test(`our server (${name}) and ws as client (${label(theirs)}) understand each other`, async () => {
      const opened = new Inbox<End>();
      const handler = async (socket: OurSocket) => {
        opened.push(wrapOurs(socket));
        await socket.closed;
      };
      const server = await serve(handler, { port: 0, compression });
      try {
        const socket = new WebSocket(server.url, {
          perMessageDeflate: { ...theirs, threshold: 0 },
        });
        await within(
          new Promise((resolve, reject) => {
            socket.on("open", resolve);
            socket.on("error", reject);
          }),
          "open",
        );
        const end = wrapTheirs(socket);
        const ours = await opened.next("connection");
        assert(ours.extensions.startsWith("permessage-deflate"), ours.extensions);
        await within(exchange(ours, end), "all messages", 20_000);
        end.close();
      } finally {
        await within(server.close(), "end of the server");
      }
    });

    test(`our client (${name}) and ws as server (${label(theirs)}) understand each other`, async () => {
      const opened = new Inbox<End>();
      const server = http.createServer();
      const peer = new WebSocketServer({ server, perMessageDeflate: { ...theirs, threshold: 0 } });
      // deno-lint-ignore no-explicit-any
      peer.on("connection", (socket: any) => opened.push(wrapTheirs(socket)));
      const { url, close } = await listenLocally(server);
      try {
        const socket = await connect(url, { compression });
        const end = await opened.next("connection");
        assert(socket.extensions.startsWith("permessage-deflate"), socket.extensions);
        await within(exchange(wrapOurs(socket), end), "all messages", 20_000);
        await socket.close();
      } finally {
        await close();
      }
    });
  }
}
