/** Between client and server there is something that cuts, gathers or loses patience. */
import { after, before, describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { connect as connectEngine } from "../../src/adapters/client.ts";
import { serve } from "../../src/adapters/serve.ts";
import type { WebSocketConnection } from "../../src/api/mod.ts";
import {
  connectFallback,
  FALLBACK_MODES,
  type FallbackMode,
  type TransportMode,
} from "../../src/fallback/client/mod.ts";
import { createFallback } from "../../src/fallback/mod.ts";
import { Random } from "../support/random.ts";
import { sleep, until, within } from "../adapters/support/waiting.ts";
import { installPage } from "./support/fake_page.ts";
import { HOSTS } from "./support/hosts.ts";
import { cuttingProxy, httpProxy, type Treatment } from "./support/proxies.ts";

let removePage = () => {};
before(() => void (removePage = installPage()));
after(() => removePage());

const echo = {
  message: (socket: WebSocketConnection, data: string | Uint8Array) => {
    socket.send(data);
  },
};

/** Reads so many messages. */
async function read(socket: WebSocketConnection, count: number): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const message of socket) {
    seen.push(message);
    if (seen.length === count) break;
  }
  return seen;
}

for (const [at, [name, start]] of HOSTS.entries()) {
  for (const mode of FALLBACK_MODES) {
    for (const seed of [at + 1]) {
      test(
        `${name}, ${mode}: every message comes once and in order when requests and responses are cut ` +
          `at any byte (seed ${seed})`,
        async () => {
          const host = await start(echo);
          let bad = false;
          const proxy = await cuttingProxy(host.port, seed, () => bad);
          try {
            const socket = await within(
              connectFallback(proxy.url, { modes: [mode], pollIntervalMs: 20 }),
              "connection",
            );
            const random = new Random(seed);
            bad = true;
            const sent: unknown[] = [];
            const seen: unknown[] = [];
            (async () => {
              for await (const message of socket) seen.push(message);
            })().catch(() => {});
            // Until enough has gone wrong: how much of it goes in one request is a matter of time.
            for (let n = 0; n < 80 || (proxy.faults < 4 && n < 2000); n++) {
              const message = random.oneIn(3)
                ? random.bytes(random.int(0, 3000))
                : `${n} ${random.text(random.int(0, 1000))}`;
              sent.push(message);
              socket.send(message as string);
              if (random.oneIn(3)) await sleep(random.int(0, 20));
            }
            await until(() => seen.length >= sent.length, "all of them", 60_000);
            assertEquals(seen, sent);
            bad = false;
            assertEquals((await within(socket.close(), "the end")).wasClean, true);
            assert(proxy.faults > 2, `only ${proxy.faults} connections were cut`);
          } finally {
            await proxy.close();
            await host.close();
          }
        },
      );
    }
  }
}

describe("the first way that works is taken:", () => {
  const [[, start]] = HOSTS;

  async function modesBehind(
    treatment: (url: string) => Treatment,
    modes: readonly TransportMode[],
  ): Promise<TransportMode[]> {
    const host = await start(echo, { pollTimeoutMs: 1000, sessionTimeoutMs: 10_000 });
    const proxy = await httpProxy(host.port, treatment);
    const taken: TransportMode[] = [];
    try {
      const socket = await within(
        connectFallback(proxy.url, {
          modes,
          streamTimeoutMs: 150,
          webSocketTimeoutMs: 500,
          onMode: (mode) => taken.push(mode),
        }),
        "connection",
      );
      const server = [...host.fallback.connections][0];
      // Sent while the way is being looked for: none of it is lost, none of it comes twice.
      for (let n = 0; n < 20; n++) {
        socket.send(`${n}`);
        if (n % 5 === 0) server.send(`s${n}`);
        await sleep(30);
      }
      const seen = await within(read(socket, 24), "all of them") as string[];
      const own = (text: string) => text.startsWith("s");
      assertEquals(seen.filter(own), ["s0", "s5", "s10", "s15"]);
      assertEquals(seen.filter((it) => !own(it)), Array.from({ length: 20 }, (_, n) => `${n}`));
      await within(socket.close(), "the end");
    } finally {
      await proxy.close();
      await host.close();
    }
    return taken;
  }

  const ALL: FallbackMode[] = ["event-source", "xhr-stream", "htmlfile", "long-poll", "poll"];

  test("a stream, where all is passed on", async () => {
    assertEquals(await modesBehind(() => "pass", ALL), ["event-source"]);
  });

  test("long polling, behind a proxy that gathers what is streamed", async () => {
    assertEquals(
      await modesBehind((url) => /stream|source|html/.test(url) ? "gather" : "pass", ALL),
      ["event-source", "xhr-stream", "htmlfile", "long-poll"],
    );
  });

  test("polling, behind one that waits for nothing", async () => {
    assertEquals(
      await modesBehind((url) => /stream|source|html|long/.test(url) ? "deny" : "pass", ALL),
      ALL,
    );
  });

  test("what the server does not offer is left out", async () => {
    const host = await start(echo, { modes: ["poll", "long-poll"] });
    const taken: TransportMode[] = [];
    try {
      const socket = await connectFallback(host.url, {
        modes: ALL,
        onMode: (mode) => taken.push(mode),
      });
      socket.send("x");
      assertEquals(await within(read(socket, 1), "the echo"), ["x"]);
      await socket.close();
      assertEquals(taken, ["long-poll"]);
    } finally {
      await host.close();
    }
  });

  test("a WebSocket, where one can be had, with the same handler", {
    skip: globalThis.WebSocket === undefined && "this runtime has no WebSocket of its own",
  }, async () => {
    const taken: TransportMode[] = [];
    const onMode = (mode: TransportMode) => taken.push(mode);
    let passes = true;
    const fallback = createFallback(echo);
    await using server = await serve(echo, {
      port: 0,
      verify: () => passes ? undefined : new Response("blocked", { status: 502 }),
      fetch: (request) => fallback.fetch(request),
    });
    for (const modes of [undefined, ["websocket", "long-poll"]] as TransportMode[][]) {
      for (passes of [true, false]) {
        const socket = await connectFallback(server.url, { onMode, ...modes && { modes } });
        socket.send("x");
        assertEquals(await within(read(socket, 1), "the echo"), ["x"]);
        await socket.close();
      }
    }
    assertEquals(taken.filter((mode) => mode === "websocket").length, 2);
    assertEquals(taken.at(-1), "long-poll");
    // The engine's client goes to the same place without any of this.
    passes = true;
    await using engine = await connectEngine(server.url);
    engine.send("x");
    assertEquals(await within(read(engine, 1), "the echo"), ["x"]);
  });
});
