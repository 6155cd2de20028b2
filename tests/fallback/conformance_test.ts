/** One suite for every mode and every kind of server. */
import { after, before, describe, test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { WebSocketError } from "../../src/errors.ts";
import type { CloseInfo, WebSocketConnection } from "../../src/api/mod.ts";
import {
  connectFallback,
  FALLBACK_MODES,
  type FallbackClientOptions,
} from "../../src/fallback/client/mod.ts";
import { Inbox, sleep, until, within } from "../adapters/support/waiting.ts";
import { installPage } from "./support/fake_page.ts";
import { type FallbackHost, HOSTS } from "./support/hosts.ts";

const echo = {
  message: (socket: WebSocketConnection, data: string | Uint8Array) => {
    socket.send(data);
  },
};

/** Takes so many messages. */
async function read(socket: WebSocketConnection, count: number): Promise<unknown[]> {
  const seen: unknown[] = [];
  if (count === 0) return seen;
  for await (const message of socket) {
    seen.push(message);
    if (seen.length === count) break;
  }
  return seen;
}

for (const [name, start] of HOSTS) {
  for (const mode of FALLBACK_MODES) {
    describe(`${name}, ${mode}:`, () => {
      let removePage = () => {};
      before(() => void (removePage = installPage()));
      after(() => removePage());

      const using = async (
        run: (host: FallbackHost) => Promise<void>,
        ...[handler, options]: Parameters<typeof start>
      ) => {
        const host = await start(handler, options);
        try {
          await run(host);
        } finally {
          await host.close();
        }
      };
      const connect = (host: FallbackHost, options: FallbackClientOptions = {}) =>
        within(connectFallback(host.url, { modes: [mode], ...options }), "connection");

      test("messages of either kind go there and back, whole and in order", () =>
        using(async (host) => {
          const socket = await connect(host);
          assertEquals(socket.capabilities.engine, "fallback");
          const sent = [
            "",
            "text é € \u{1f600} \u2028</script><!--\r\n\n\0\\\"'&lt;",
            new Uint8Array(0),
            new Uint8Array([0, 1, 254, 255]),
            "\u{1f600}".repeat(40_000), // in fragments, none of them cut in a pair
            new Uint8Array(200_000).map((_, i) => i % 251),
            "last",
          ];
          for (const message of sent) socket.send(message);
          assertEquals(await within(read(socket, sent.length), "the echo"), sent);
          await socket.close();
        }, echo));

      test("a close code and a reason reach the other side, whoever begins", () =>
        using(async (host) => {
          const first = await connect(host);
          const ours: CloseInfo = { closeCode: 4001, reason: "grüße", wasClean: true };
          assertEquals(await within(first.close(4001, "grüße"), "the end"), ours);
          assertEquals(await ends.next("end on the server"), ours);
          const second = await connect(host);
          second.send("close");
          assertEquals(await within(second.closed, "the end"), {
            closeCode: 1013,
            reason: "later",
            wasClean: true,
          });
          assertEquals((await ends.next("end on the server")).wasClean, true);
          const third = await connect(host);
          assertEquals((await within(third.close(null), "the end")).closeCode, 1005);
          assertEquals((await ends.next("end on the server")).closeCode, 1005);
          await until(() => host.fallback.sessionCount === 0, "nothing left");
          assertEquals(host.fallback.connections.size, 0);
        }, {
          message: (socket) => void socket.close(1013, "later"),
          close: (_, info) => ends.push(info),
        }));
      const ends = new Inbox<CloseInfo>();

      test("what is sent last before the end still arrives", () =>
        using(async (host) => {
          const socket = await connect(host);
          assertEquals(await within(read(socket, Infinity), "the end"), [
            ...Array.from({ length: 200 }, (_, n) => `${n}`),
          ]);
          assertEquals((await socket.closed).closeCode, 1000);
        }, async (socket) => {
          for (let n = 0; n < 200; n++) await socket.send(`${n}`);
        }));

      test("what is sent between two requests is not forgotten", () =>
        using(
          async (host) => {
            const socket = await connect(host, { pollIntervalMs: 5 });
            const taker = read(socket, 60);
            const server = [...host.fallback.connections][0];
            // With pauses that meet the end of one request and the start of the next.
            for (let n = 0; n < 60; n++) {
              server.send(`${n}`);
              await sleep(n % 4);
            }
            assertEquals(
              await within(taker, "all of them", 5000),
              Array.from({ length: 60 }, (_, n) => `${n}`),
            );
            await socket.close();
          },
          {},
          { pollTimeoutMs: 20, sessionTimeoutMs: 10_000 },
        ));

      test("a sender waits for a reader that takes nothing, in both directions", () =>
        using(
          async (host) => {
            const socket = await connect(host, { highWaterMark: 64 * 1024 });
            const server = [...host.fallback.connections][0];
            const message = "x".repeat(16 * 1024);
            let [there, back] = [0, 0];
            const [toServer, toClient] = [
              sendAll(socket, () => there++),
              sendAll(server, () => back++),
            ];
            async function sendAll(from: WebSocketConnection, count: () => void): Promise<void> {
              for (let n = 0; n < 100; n++) {
                await from.send(message);
                count();
              }
            }
            await sleep(300);
            // The mark here, the mark there, and what is under way; 1600 KiB were to go.
            assert(there < 40, `${there} messages went to the server that nobody took`);
            assert(back < 40, `${back} messages went to the client that nobody took`);
            const taken = [read(socket, 100), read(server, 100)];
            await within(Promise.all([toServer, toClient]), "all is sent");
            for (const side of taken) {
              assertEquals((await within(side, "all is taken")).length, 100);
            }
            await socket.close();
          },
          () => new Promise(() => {}),
          { highWaterMark: 64 * 1024 },
        ));

      test("both sides that wait for their sends do not wait for each other", () =>
        using(
          async (host) => {
            const socket = await connect(host, { highWaterMark: 32 * 1024 });
            const message = "x".repeat(16 * 1024);
            const taker = read(socket, 200);
            for (let n = 0; n < 200; n++) await within(socket.send(message), "room", 5000);
            assertEquals((await within(taker, "the echo", 5000)).length, 200);
            await socket.close();
          },
          async (socket) => {
            for await (const message of socket) await socket.send(message);
          },
          { highWaterMark: 32 * 1024 },
        ));

      test("a message above maxMessageBytes ends it with 1009 before it is whole", () =>
        using(
          async (host) => {
            const socket = await connect(host);
            socket.send(new Uint8Array(1_000_000));
            const { closeCode, reason } = await within(socket.closed, "the end");
            assertEquals([closeCode, reason.includes("maxMessageBytes")], [1009, true]);
            const small = await connect(host, { maxMessageBytes: 1000 });
            small.send("large");
            const { error } = await within(small.closed, "the end");
            assertEquals([error!.code, error!.closeCode], ["WS_MESSAGE_TOO_LARGE", 1009]);
          },
          { message: (socket) => socket.send("x".repeat(200_000)) },
          { maxMessageBytes: 100_000 },
        ));

      test("a handler that throws ends it with 1011", () => {
        const errors = new Inbox<unknown>();
        return using(async (host) => {
          const socket = await connect(host);
          socket.send("x");
          assertEquals((await within(socket.closed, "the end")).closeCode, 1011);
          assertEquals(await errors.next(), failure);
        }, {
          message: () => {
            throw failure;
          },
        }, { onError: (error) => errors.push(error) });
      });
      const failure = new Error("of the handler");

      test("a connection that the server cuts is lost", () =>
        using(async (host) => {
          const socket = await connect(host);
          socket.send("x");
          const { closeCode, wasClean, error } = await within(socket.closed, "the end");
          assertEquals([closeCode, wasClean, error!.code], [1006, false, "WS_CONNECTION_LOST"]);
          assertEquals(host.fallback.sessionCount, 0);
          await assertRejects(() => socket.send("late"), WebSocketError);
        }, { message: (socket) => socket.terminate() }));

      test("a client that is cut is given up when its time is over", () => {
        const ended = new Inbox<CloseInfo>();
        return using(
          async (host) => {
            const socket = await connect(host);
            await until(() => host.fallback.connections.size === 1, "connection");
            await sleep(30);
            socket.terminate();
            assertEquals((await socket.closed).error!.code, "WS_TERMINATED");
            const { closeCode, error } = await ended.next("the end on the server", 3000);
            assertEquals([closeCode, error!.code], [1006, "WS_CONNECTION_LOST"]);
            assertEquals([host.fallback.sessionCount, host.fallback.connections.size], [0, 0]);
          },
          { close: (_, info) => ended.push(info) },
          {
            pollTimeoutMs: 100,
            sessionTimeoutMs: 300,
          },
        );
      });

      test("a connection without messages lives on", () =>
        using(
          async (host) => {
            const socket = await connect(host);
            await sleep(900);
            assertEquals([socket.readyState, host.fallback.connections.size], [1, 1]);
            socket.send("still here");
            assertEquals(await within(read(socket, 1), "the echo"), ["still here"]);
            await socket.close();
          },
          echo,
          { pollTimeoutMs: 100, sessionTimeoutMs: 350 },
        ));

      test("a response is ended when it is long, and nothing is lost by that", () =>
        using(
          async (host) => {
            const socket = await connect(host);
            const count = 300;
            const taker = read(socket, count);
            for (let n = 0; n < count; n++) socket.send(`${n} ${"x".repeat(500)}`);
            const seen = await within(taker, "all of them") as string[];
            assertEquals(seen.map((text) => parseInt(text)), seen.map((_, n) => n));
            await socket.close();
          },
          echo,
          { maxResponseBytes: 4096 },
        ));
    });
  }
}
