/** Python's `websockets` as client and server, where it is installed (Debian: python3-websockets). */
import { assertEquals } from "@std/assert";
import { spawn, spawnSync } from "node:child_process";
import { test } from "node:test";
import { connect } from "../../src/adapters/client.ts";
import { serve } from "../../src/adapters/serve.ts";
import { within } from "../adapters/support/waiting.ts";

const found = spawnSync("python3", ["-c", "import websockets; print(websockets.__version__)"]);
const version = found.status === 0 ? String(found.stdout).trim() : undefined;

const CLIENT = `
import asyncio, sys, websockets
async def main():
    async with websockets.connect(sys.argv[1], max_size=None) as ws:
        for size in (0, 1, 125, 126, 65535, 65536, 1 << 20):
            for message in ("a" * size, b"b" * size):
                await ws.send(message)
                assert await ws.recv() == message, size
        await ws.send(["Frag", "mented ☕", " message"])
        assert await ws.recv() == "Fragmented ☕ message"
        await (await ws.ping())
        await ws.close(4001, "reason ☕")
        print(ws.close_code)
asyncio.run(main())
`;

const SERVER = `
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

if (version === undefined) {
  test("not run: Python's websockets is not installed here", () => {});
} else {
  test(`the client of Python's websockets ${version} and our serve()`, async () => {
    await using server = await serve(async (socket) => {
      for await (const message of socket) await socket.send(message);
    }, { port: 0 });
    const client = spawn("python3", ["-c", CLIENT, server.url]);
    let output = "";
    client.stdout.on("data", (chunk) => output += chunk);
    client.stderr.on("data", (chunk) => output += chunk);
    await within(new Promise((resolve) => client.on("close", resolve)), "end", 20_000);
    assertEquals(output.trim(), "4001");
  });

  test(`our connect() and the server of Python's websockets ${version}`, async () => {
    const server = spawn("python3", ["-c", SERVER]);
    try {
      const port = await within(
        new Promise((resolve) => server.stdout.once("data", (chunk) => resolve(String(chunk)))),
        "port",
        20_000,
      );
      const socket = await connect(`ws://127.0.0.1:${Number(port)}/`);
      const messages = socket[Symbol.asyncIterator]();
      for (const size of [0, 1, 125, 126, 65535, 65536, 1 << 20]) {
        await socket.send("a".repeat(size));
        assertEquals((await within(messages.next(), "echo")).value, "a".repeat(size));
        await socket.send(new Uint8Array(size));
        assertEquals((await within(messages.next(), "echo")).value?.length, size);
      }
      assertEquals(await within(socket.ping(), "pong") >= 0, true);
      assertEquals((await within(socket.close(4001, "x"), "end")).closeCode, 4001);
    } finally {
      server.kill();
    }
  });
}
