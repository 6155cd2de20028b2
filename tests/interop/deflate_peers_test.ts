/**
 * permessage-deflate with the other peers that have it: undici, the runtimes' own clients,
 * `faye-websocket` with its plugin, Python's `websockets`.
 * @module
 */

import { spawn } from "node:child_process";
import { test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import faye from "faye-websocket";
import deflate from "permessage-deflate";
import { WebSocket as UndiciWebSocket } from "undici";
import type { CompressionOptions } from "../../src/api/mod.ts";
import { connect } from "../../src/adapters/client.ts";
import { serve } from "../../src/adapters/serve.ts";
import { RUNTIME_VERSION } from "../adapters/support/runtime.ts";
import { within } from "../adapters/support/waiting.ts";
import http from "node:http";
import { listenLocally } from "./http_server.ts";
import type { PeerClient } from "./peer.ts";
import { findPython } from "./python.ts";
import { fayeClient } from "./peers/faye.ts";
import { standardClient, type StandardWebSocket } from "./peers/standard.ts";

const CHOICES: Record<string, true | CompressionOptions> = {
  "defaults": true,
  "takeover": { contextTakeover: true },
  "small windows": { windowBits: 9, peerWindowBits: 9 },
};
const SIZES = [0, 16, 1023, 1024, 65535, 65536, 131072];

function text(size: number): string {
  return '{"name":"a name","é":[12345,true]},'.repeat(size / 30 + 1).slice(0, size);
}

/** A client that offers compression by itself. */
function offering(client: PeerClient, offers: boolean): void {
  for (const [name, compression] of Object.entries(CHOICES)) {
    test(`${client.name}'s client and our server with ${name}`, async () => {
      let extensions = "";
      const server = await serve(async (socket) => {
        extensions = socket.extensions;
        for await (const message of socket) await socket.send(message);
      }, { port: 0, compression });
      try {
        const socket = await client.connect(server.url);
        for (const size of SIZES) {
          for (let i = 0; i < 2; i++) {
            socket.send(text(size));
            assert(await socket.inbox.next("echo") === text(size), `text of ${size}`);
            socket.send(new TextEncoder().encode(text(size)));
            const got = await socket.inbox.next("echo") as Uint8Array;
            assert(new TextDecoder().decode(got) === text(size), `binary of ${size}`);
          }
        }
        if (offers) assertMatch(extensions, /^permessage-deflate/);
        socket.close(1000, "");
        await within(socket.closed, "end");
      } finally {
        await within(server.close(), "end of the server");
      }
    });
  }
}

offering(standardClient("undici", UndiciWebSocket as StandardWebSocket), true);
const OwnWebSocket = (globalThis as { WebSocket?: StandardWebSocket }).WebSocket;
if (OwnWebSocket !== undefined) {
  // Deno's own client offers nothing.
  offering(standardClient(RUNTIME_VERSION, OwnWebSocket), !/^deno/i.test(RUNTIME_VERSION));
}

// deno-lint-ignore no-explicit-any
const withPlugin: any = {
  ...fayeClient,
  name: "faye-websocket with permessage-deflate",
  connect: (url: string) => fayeClient.connect(url, { extensions: [deflate] } as never),
};
offering(withPlugin, true);

/** Sends and gets everything back. */
async function echoes(url: string, compression: true | CompressionOptions): Promise<string> {
  const socket = await connect(url, { compression });
  const messages = socket[Symbol.asyncIterator]();
  for (const size of SIZES) {
    for (let i = 0; i < 2; i++) {
      await socket.send(text(size));
      assert((await within(messages.next(), "echo")).value === text(size), `text of ${size}`);
      await socket.send(new TextEncoder().encode(text(size)), { compress: true });
      const { value } = await within(messages.next(), "echo");
      assert(new TextDecoder().decode(value as Uint8Array) === text(size), `binary of ${size}`);
    }
  }
  await within(socket.close(), "end");
  return socket.extensions;
}

for (const [name, compression] of Object.entries(CHOICES)) {
  test(`our client with ${name} and the server of faye-websocket with permessage-deflate`, async () => {
    const server = http.createServer();
    server.on("upgrade", (request, socket, head) => {
      const peer = new faye(request, socket, head, [], { extensions: [deflate] });
      // deno-lint-ignore no-explicit-any
      peer.on("message", (event: any) => peer.send(event.data));
    });
    const { url, close } = await listenLocally(server);
    try {
      assertMatch(await echoes(url, compression), /^permessage-deflate/);
    } finally {
      await close();
    }
  });
}

const python = findPython();
const PYTHON_SERVER = `
import asyncio, websockets
async def echo(ws, *rest):
    async for message in ws:
        await ws.send(message)
async def main():
    async with websockets.serve(echo, "127.0.0.1", 0, max_size=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()
asyncio.run(main())
`;
const PYTHON_CLIENT = `
import asyncio, sys, websockets
async def main():
    async with websockets.connect(sys.argv[1], max_size=None) as ws:
        for size in (0, 16, 1023, 1024, 65535, 65536, 131072):
            for message in ("abcdé" * size, b"bcdef" * size, "abcdé" * size):
                await ws.send(message)
                assert await ws.recv() == message, size
        print("fine")
asyncio.run(main())
`;

if (python === undefined) {
  test("compression with Python's websockets", {
    skip: "Python's websockets is not installed here",
  }, () => {});
} else {
  const { command, version } = python;
  for (const [name, compression] of Object.entries(CHOICES)) {
    test(`the client of Python's websockets ${version} and our server with ${name}`, async () => {
      let extensions = "";
      await using server = await serve(async (socket) => {
        extensions = socket.extensions;
        for await (const message of socket) await socket.send(message);
      }, { port: 0, compression });
      const client = spawn(command, ["-c", PYTHON_CLIENT, server.url]);
      let output = "";
      client.stdout.on("data", (chunk) => output += chunk);
      client.stderr.on("data", (chunk) => output += chunk);
      await within(new Promise((resolve) => client.on("close", resolve)), "end", 20_000);
      assertEquals(output.trim(), "fine");
      assertMatch(extensions, /^permessage-deflate/);
    });

    test(`our client with ${name} and the server of Python's websockets ${version}`, async () => {
      const server = spawn(command, ["-c", PYTHON_SERVER]);
      try {
        const port = await within(
          new Promise((resolve) => server.stdout.once("data", (chunk) => resolve(String(chunk)))),
          "port",
          20_000,
        );
        const extensions = await echoes(`ws://127.0.0.1:${Number(port)}/`, compression);
        assertMatch(extensions, /^permessage-deflate/);
      } finally {
        server.kill();
      }
    });
  }
}
