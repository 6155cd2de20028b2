/**
 * What `bench` does with servers that misbehave, numbers out of range, and Ctrl-C.
 */
import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import net, { type AddressInfo, type Socket } from "node:net";
import { serve } from "../../../src/adapters/serve.ts";
import { Load, type LoadPlan } from "../../../src/cli/bench/load.ts";
import { main } from "../../../src/cli/mod.ts";
import { HandshakeError } from "../../../src/errors.ts";
import { until, within } from "../../adapters/support/waiting.ts";
import { surroundings } from "../surroundings.ts";

const WAIT_MS = 40_000;

function plan(url: string, more: Partial<LoadPlan> = {}): LoadPlan {
  return {
    ...{ url, options: {}, connections: 1, depth: 1, size: 8, text: false },
    ...{ warmUpMs: 0, durationMs: WAIT_MS, ...more },
  };
}

/** A TCP server that is gone after use. */
async function withServer(
  onSocket: (socket: Socket) => void,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const sockets = new Set<Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.resume();
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

test("numbers out of range are refused", async () => {
  const cli = surroundings();
  for (
    const flag of [
      ...["--connections=100001", "--depth=0", "--depth=10001", "--size=67108865"],
      ...["--duration=0.04", "--duration=86401", "--warm-up=86401"],
    ]
  ) {
    assertEquals(await main(["bench", flag, "ws://127.0.0.1:1/"], cli.io), 2, flag);
    assertMatch(cli.errors, new RegExp(`${flag.split("=")[0]} must be a`));
  }
});

test("Ctrl-C ends it while a server does not answer, and a second one at once", async () => {
  let came = 0;
  await withServer(() => came++, async (url) => {
    const cli = surroundings();
    const ended = main(["bench", "-t", "60", "-c", "2", url], cli.io);
    await until(() => came === 2, "two connections", WAIT_MS);
    cli.press();
    cli.press();
    assertEquals([await within(ended, "the end", WAIT_MS), cli.exits], [1, [130]]);
    assertMatch(cli.errors, /no message came back/);
  });
});

test("a load that is stopped does not wait for handshakes", async () => {
  let came = 0;
  await withServer(() => came++, async (url) => {
    const load = new Load(plan(url, { options: { handshakeTimeoutMs: 10 * WAIT_MS } }));
    const run = load.run();
    await until(() => came === 1, "the connection", WAIT_MS);
    load.stop();
    assertEquals((await within(run, "the end", WAIT_MS)).messages, 0);
  });
});

test("the first connection that is refused ends the opening of the others", async () => {
  let came = 0;
  const verify = () => ++came === 1 ? new Response(null, { status: 503 }) : undefined;
  const server = await serve({ message() {} }, { port: 0, onError: () => {}, verify });
  try {
    const load = new Load(plan(server.url, { connections: 500 }));
    await assertRejects(() => load.run(), HandshakeError);
    assert(came < 500, `${came} connections`);
  } finally {
    await server.close();
  }
});

test("an answer that is far too large loses its connection", async () => {
  const server = await serve({
    message: (socket) => void socket.send(new Uint8Array(100_000)),
  }, { port: 0, onError: () => {} });
  try {
    const result = await within(new Load(plan(server.url)).run(), "the end", WAIT_MS);
    assertEquals([result.messages, result.lost], [0, 1]);
  } finally {
    await server.close();
  }
});

test("a server that does not answer the close is left after a while", async () => {
  const server = await serve({ message() {} }, { port: 0, onError: () => {} });
  const load = new Load(plan(server.url, { options: { closeTimeoutMs: 50 } }));
  const run = load.run();
  await until(() => server.connections.size === 1, "the connection", WAIT_MS);
  for (const socket of server.connections) socket.pause(); // and so never reads the close
  load.stop();
  assertEquals((await within(run, "the end", WAIT_MS)).messages, 0);
  await server.close();
});
