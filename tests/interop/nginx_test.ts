/** nginx between our client and our server, plain and with TLS, where it is installed. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { connect, HandshakeError } from "../../src/adapters/client.ts";
import { serve, type ServeOptions, type Server } from "../../src/adapters/serve.ts";
import type { WebSocketConnection } from "../../src/api/connection.ts";
import type { CloseInfo } from "../../src/api/channel.ts";
import { CERT } from "../adapters/support/runtime.ts";
import { PATIENCE } from "../support/patience.ts";
import { Inbox, sleep, until, within } from "../adapters/support/waiting.ts";
import { assertBytes } from "../support/bytes.ts";
import { findNginx, type Proxy, type ProxyOptions, startNginx } from "./nginx.ts";

const nginx = findNginx();
const skip = nginx === undefined && "nginx is not installed here";
const version = nginx === undefined
  ? "nginx"
  : /nginx\/\S+/.exec(String(spawnSync(nginx, ["-v"]).stderr))?.[0].replace("/", " ");

interface Behind {
  server: Server;
  proxy: Proxy;
  /** Our server's ends of the connections, and how they ended. */
  sockets: Inbox<WebSocketConnection>;
  ends: Inbox<CloseInfo>;
  connect(options?: Parameters<typeof connect>[1]): Promise<WebSocketConnection>;
}

/** A streaming echo behind nginx. */
async function behindNginx(
  options: ProxyOptions & { serve?: ServeOptions },
  run: (behind: Behind) => Promise<void>,
): Promise<void> {
  const sockets = new Inbox<WebSocketConnection>();
  const ends = new Inbox<CloseInfo>();
  const errors: unknown[] = [];
  const server = await serve(async (socket) => {
    sockets.push(socket);
    socket.closed.then((info) => ends.push(info));
    for await (const message of socket.messages()) {
      await socket.send(message.body, { type: message.type });
    }
  }, { closeTimeoutMs: 2000, onError: (error) => errors.push(error), ...options.serve, port: 0 });
  try {
    const proxy = await startNginx(nginx!, server.port, options);
    try {
      await run({
        server,
        proxy,
        sockets,
        ends,
        connect: (more) => connect(proxy.url, { tls: { ca: CERT }, closeTimeoutMs: 2000, ...more }),
      });
      assertEquals(errors, []);
    } finally {
      await within(proxy.stop(), "end of nginx", 15_000);
    }
  } finally {
    await within(server.close(), "end of the server");
  }
}

const text = (size: number) => '{"name":"ä name"},'.repeat(size / 18 + 1).slice(0, size);

for (const tls of [false, true]) {
  const name = `${version}${tls ? " with TLS" : ""}`;

  for (const compression of [false, true]) {
    const how = compression ? ", compressed" : "";
    test(`${name}: messages from 0 bytes to 1 MiB come back${how}`, { skip }, async () => {
      await behindNginx({ tls, serve: { compression } }, async ({ connect, sockets }) => {
        const socket = await connect({ compression });
        const expected = compression ? "permessage-deflate" : "";
        assertEquals(socket.extensions.split(";")[0], expected);
        assertEquals((await sockets.next("connection")).extensions.split(";")[0], expected);
        const messages = socket[Symbol.asyncIterator]();
        for (const size of [0, 1, 125, 126, 1023, 1024, 65535, 65536, 1 << 20]) {
          await socket.send(text(size));
          const { value } = await within(messages.next(), `echo of ${size} characters`);
          assertEquals(value === text(size), true, `${size} characters came back different`);
          const bytes = new Uint8Array(size).map((_, i) => i * 7 >> 3);
          await socket.send(bytes);
          assertBytes((await within(messages.next(), "echo")).value as Uint8Array, bytes);
        }
        assert(await within(socket.ping(), "pong") >= 0);
        assertEquals((await within(socket.close(), "end")).wasClean, true);
      });
    });

    test(`${name}: a large message streams through, held back by its reader${how}`, {
      skip,
    }, async () => {
      await behindNginx({ tls, serve: { compression } }, async ({ connect }) => {
        const socket = await connect({ compression });
        const [sent, received] = [createHash("sha256"), createHash("sha256")];
        const block = crypto.getRandomValues(new Uint8Array(65536));
        let pieces = 1600; // 100 MiB: more than all the buffers on the way may grow to hold
        let pulled = 0;
        const sending = socket.send(
          new ReadableStream<Uint8Array>({
            pull(controller) {
              if (pulled === pieces) return controller.close();
              new DataView(block.buffer).setUint32(0, pulled++);
              const piece = block.slice();
              sent.update(piece);
              controller.enqueue(piece);
            },
          }, { highWaterMark: 0 }),
        );
        const message = (await within(socket.messages().next(), "echo")).value!;
        let [before, still] = [-1, 0];
        for (let turns = 0; still < 4 && turns < 100; turns++) { // nobody reads: it comes to rest
          await sleep(50);
          still = before === pulled ? still + 1 : 0;
          before = pulled;
        }
        assert(pulled < pieces, "the source was never held back");
        pieces = pulled + 300; // as much again passes when it is read
        let bytes = 0;
        for await (const piece of message.body as AsyncIterable<Uint8Array>) {
          received.update(piece);
          bytes += piece.length;
        }
        await within(sending, "end of the stream");
        assertEquals(bytes, pieces * block.length);
        assertEquals(received.digest("hex"), sent.digest("hex"));
        await within(socket.close(), "end");
      });
    });
  }

  test(`${name}: close codes and reasons pass both ways`, { skip }, async () => {
    await behindNginx({ tls }, async ({ connect, sockets, ends, server }) => {
      const closesFirst = await connect();
      await sockets.next("connection");
      const info = await within(closesFirst.close(4001, "bye ☕"), "end");
      assertEquals([info.closeCode, info.wasClean], [4001, true]);
      const { closeCode, reason, wasClean } = await ends.next("end");
      assertEquals([closeCode, reason, wasClean], [4001, "bye ☕", true]);

      const isClosed = await connect();
      const theirs = await sockets.next("connection");
      assertEquals((await within(theirs.close(3001, "no ☕"), "end")).wasClean, true);
      const seen = await within(isClosed.closed, "end");
      assertEquals([seen.closeCode, seen.reason, seen.wasClean], [3001, "no ☕", true]);

      const last = await connect();
      await sockets.next("connection");
      await within(server.close("down"), "end of the server");
      const { closeCode: code, reason: why } = await within(last.closed, "end");
      assertEquals([code, why], [1001, "down"]);
      const error = await assertRejects(() => connect(), HandshakeError);
      assertEquals(error.status, 502);
    });
  });
}

test(`${version}: heartbeats of either side keep a connection beyond proxy_read_timeout`, {
  skip,
}, async () => {
  const quiet = { pingIntervalMs: 0 };
  const beating = { pingIntervalMs: 100 };
  // Neither side may stand still for so long. Beyond it, the connection has lived by its beats.
  const readTimeoutS = 2 * PATIENCE;
  const beyondMs = 1.25 * readTimeoutS * 1000;
  await behindNginx({ readTimeoutS, serve: beating }, async ({ connect }) => {
    const socket = await connect(quiet);
    await sleep(beyondMs);
    assertEquals(socket.readyState, 1);
    await within(socket.close(), "end");
  });
  await behindNginx({ readTimeoutS, serve: quiet }, async ({ connect, sockets, ends }) => {
    const [socket, silent] = [await connect(beating), await connect(quiet)];
    await sockets.next("connection");
    await sockets.next("connection");
    const { closeCode, error } = await within(silent.closed, "cut of the silent one");
    assertEquals([closeCode, error?.code], [1006, "WS_CONNECTION_LOST"]);
    assertEquals((await ends.next("end")).error?.code, "WS_CONNECTION_LOST");
    await sleep(beyondMs);
    assertEquals(socket.readyState, 1);
    assert(socket.latencyMs !== undefined && socket.latencyMs < 5000);
    await within(socket.close(), "end");
  });
});

for (const how of ["reload", "stop"] as const) {
  test(`${version}: its ${how} is one loss to both sides, whatever is under way`, {
    skip,
  }, async () => {
    await behindNginx({}, async ({ connect, proxy, ends }) => {
      const seen: string[] = [];
      const idle = await connect({
        handler: {
          error: (_, error) => seen.push(`error ${error.code}`),
          close: (_, info) => seen.push(`close ${info.closeCode}`),
        },
      });
      const streaming = await connect();
      const piece = new Uint8Array(50_000);
      let pulled = 0;
      const sending = streaming.send(
        new ReadableStream<Uint8Array>({
          pull(controller) {
            pulled++;
            controller.enqueue(piece);
          },
        }),
      ).catch((error: { code: string }) => error.code);
      const reading = (async () => {
        for await (const { body } of streaming.messages()) for await (const _ of body);
      })().catch((error: { code: string }) => error.code);
      await until(() => pulled > 50, "flow");
      if (how === "reload") await proxy.reload();
      else await proxy.stop();
      await within(Promise.all([idle.closed, streaming.closed]), "loss");
      assertEquals(seen, ["error WS_CONNECTION_LOST", "close 1006"]);
      // A piece that comes a moment later meets a connection that is over already.
      const code = String(await within(sending, "end of the stream"));
      assert(["WS_CONNECTION_LOST", "WS_NOT_OPEN"].includes(code), code);
      assertEquals(await within(reading, "end of the loop"), "WS_CONNECTION_LOST");
      for (let i = 0; i < 2; i++) {
        assertEquals((await ends.next("end")).error?.code, "WS_CONNECTION_LOST");
      }
      assertEquals(ends.size, 0);
      if (how === "stop") return;
      const again = await connect();
      await again.send("still there?");
      assertEquals((await again[Symbol.asyncIterator]().next()).value, "still there?");
      await within(again.close(), "end");
    });
  });
}

test(`${version}: same-origin holds by the Host field that it passes on`, { skip }, async () => {
  for (const tls of [false, true]) {
    for (const passHost of [true, false]) {
      const options = { tls, passHost, serve: { origins: "same-origin" as const } };
      await behindNginx(options, async ({ connect, proxy }) => {
        const open = (origin: string) =>
          connect({ headers: { Origin: origin } }).then(
            (socket) => socket.close().then(() => 101),
            (error: HandshakeError) => error.status,
          );
        assertEquals(await open(proxy.origin), passHost ? 101 : 403);
        assertEquals(await open("https://evil.example"), 403);
        assertEquals(await open(proxy.origin.replace("127.0.0.1", "localhost")), 403);
      });
    }
  }
});

test(`${version}: what it forwards is shown to verify and believed by nothing`, {
  skip,
}, async () => {
  const seen: (string | null)[] = [];
  const verify = ({ headers, url }: { headers: Headers; url: string }) => {
    seen.push(headers.get("x-forwarded-for"), headers.get("x-forwarded-proto"), url);
    if (headers.has("x-refuse")) return new Response("not you\n", { status: 403 });
  };
  await behindNginx({ tls: true, serve: { verify } }, async ({ connect, proxy, sockets }) => {
    const socket = await connect({ headers: { "X-Forwarded-For": "203.0.113.9" } });
    assertEquals(seen, [
      "203.0.113.9, 127.0.0.1",
      "https",
      `http://127.0.0.1:${proxy.port}/`,
    ]);
    const theirs = await sockets.next("connection");
    assertEquals(theirs.remoteAddress, "127.0.0.1");
    assertEquals(theirs.url, `ws://127.0.0.1:${proxy.port}/`);
    assertEquals(theirs.request?.headers.get("x-forwarded-proto"), "https");
    await within(socket.close(), "end");
    const error = await assertRejects(
      () => connect({ headers: { "X-Refuse": "yes" } }),
      HandshakeError,
    );
    assertEquals([error.status, error.body], [403, "not you\n"]);
  });
});
