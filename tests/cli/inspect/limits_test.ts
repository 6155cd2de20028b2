/**
 * What `inspect` does with peers, disks and records that misbehave.
 */
import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { readFile, writeFile } from "node:fs/promises";
import net, { type AddressInfo, type Socket } from "node:net";
import { deflateRawSync } from "node:zlib";
import { main } from "../../../src/cli/mod.ts";
import { FrameView, type SeenFrame } from "../../../src/cli/inspect/frame_view.ts";
import { HeadCollector } from "../../../src/cli/inspect/heads.ts";
import { Proxy, type ProxyDeadlines } from "../../../src/cli/inspect/proxy.ts";
import { Recorder } from "../../../src/cli/inspect/recorder.ts";
import { replay, type ReplayPlan } from "../../../src/cli/inspect/replay.ts";
import { Session, type SessionSetup } from "../../../src/cli/inspect/session.ts";
import { reach } from "../../../src/cli/inspect/target.ts";
import { until, within } from "../../adapters/support/waiting.ts";
import { encodeFrame } from "../../support/wire.ts";
import { surroundings, withFolder } from "../surroundings.ts";

const MiB = 2 ** 20;
const WAIT_MS = 40_000;
const bytes = (text: string) => new TextEncoder().encode(text);
const SWITCHING = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
const REQUEST = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

/** A setup that writes down the ends, and the frames' lengths. */
function scribe(log: string[]): SessionSetup {
  return {
    events: {
      onRequest() {},
      onResponse: () => void log.push("response"),
      onFrame: (_, { from, length }) => void log.push(`${from} ${length}`),
      onEnd: (_, why) => void log.push(`end ${why}`),
    },
    recorder: undefined,
    headBytes: 8,
  };
}

/** A TCP server that never ends a connection by itself; `joined` are those that have not ended. */
async function withServer(
  onSocket: (socket: Socket) => void,
  use: (port: number, joined: Set<Socket>) => Promise<void>,
): Promise<void> {
  const sockets: Socket[] = [];
  const joined = new Set<Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    joined.add(socket);
    socket.on("error", () => {});
    socket.on("end", () => joined.delete(socket));
    socket.on("close", () => joined.delete(socket));
    socket.resume();
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use((server.address() as AddressInfo).port, joined);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** A client of the proxy: what it got, and whether it is over. */
function dial(port: number): { socket: Socket; text: () => string; over: () => boolean } {
  const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  let text = "", over = false;
  socket.on("data", (chunk) => text += chunk);
  socket.on("error", () => {});
  socket.on("close", () => over = true);
  socket.on("end", () => over = true);
  return { socket, text: () => text, over: () => over };
}

async function withProxy(
  targetPort: number,
  deadlines: Partial<ProxyDeadlines>,
  use: (port: number, log: string[]) => Promise<void>,
): Promise<void> {
  const log: string[] = [];
  const target = { url: new URL(`ws://127.0.0.1:${targetPort}/`), insecure: false };
  const all = { requestMs: WAIT_MS, lingerMs: WAIT_MS, ...deadlines };
  const proxy = new Proxy(target, scribe(log), all);
  await proxy.listen(0, "127.0.0.1");
  try {
    await use(Number(new URL(proxy.url).port), log);
  } finally {
    await within(proxy.close(), "end of the proxy", WAIT_MS);
  }
}

test("compressed messages are inflated within bounds, and none after one that was not", () => {
  const AGREED = { windowBits: 15, takeover: false };
  const show = (...payloads: Uint8Array[]): string[] => {
    const seen: string[] = [];
    const onFrame = ({ inflated }: SeenFrame) =>
      void seen.push(inflated === undefined ? "" : "why" in inflated ? inflated.why : "fine");
    const view = new FrameView("server", onFrame, 4, 0);
    view.agreement = { client: AGREED, server: AGREED };
    for (const payload of payloads) view.push(encodeFrame({ opcode: 2, rsv: 4, payload }));
    view.release();
    return seen;
  };
  const good = new Uint8Array(deflateRawSync(bytes("good"), { finishFlush: 2 }).subarray(0, -4));
  const bomb = new Uint8Array(deflateRawSync(new Uint8Array(8 * MiB + 1), { finishFlush: 2 }));
  assertEquals(show(good, bomb.subarray(0, -4), good), [
    ...["fine", "a message inflated to too much", ""],
  ]);
  const large = new Uint8Array(8 * MiB + 1);
  assertEquals(show(good, large, good), ["fine", "a message was too large", ""]);
  const [broken, after] = show(Uint8Array.of(0xff, 0xff), good);
  assert(broken !== "fine" && broken !== "" && after === "", broken);
});

test("payloads are kept up to the limit", () => {
  const kept: (number | undefined)[] = [];
  const view = new FrameView("client", (frame) => void kept.push(frame.payload?.length), 4, 10);
  for (const size of [0, 10, 11]) {
    const frame = encodeFrame({ opcode: 2, payload: new Uint8Array(size) });
    for (const byte of frame) view.push(Uint8Array.of(byte));
  }
  assertEquals(kept, [0, 10, undefined]);
});

test("a head is at most 64 KiB", () => {
  const head = (size: number) => bytes("x".repeat(size - 4) + "\r\n\r\n");
  const collect = (chunk: Uint8Array) => {
    const result = new HeadCollector().push(chunk);
    return typeof result === "object" ? result.head.length : result;
  };
  assertEquals(collect(head(65536)), 65536);
  assertEquals(collect(head(65537)), "too large");
  assertEquals(collect(bytes("x".repeat(65536))), undefined);
  assertEquals(collect(bytes("x".repeat(65537))), "too large");
});

test("frames before the response are kept up to 1 MiB, and then not shown", () => {
  for (const [more, shown] of [[0, true], [1, false]] as const) {
    const log: string[] = [];
    const session = new Session(1, scribe(log));
    session.joined();
    const frame = encodeFrame({ opcode: 2, payload: new Uint8Array(MiB + more - 10) });
    session.fromClient(frame); // 10 bytes of header
    session.fromServer(bytes(SWITCHING));
    session.fromClient(encodeFrame({ opcode: 2, payload: new Uint8Array(3) }));
    session.fromServer(encodeFrame({ opcode: 2, payload: new Uint8Array(4) }));
    session.left();
    const why = "the client sent too much before the response to be shown";
    assertEquals(
      log,
      shown
        ? ["response", `client ${MiB - 10}`, "client 3", "server 4", "end undefined"]
        : ["response", "server 4", `end ${why}`],
    );
  }
});

test("a client that sends no request, half of one or too much of one is cut", async () => {
  await withServer(() => {}, async (target, joined) => {
    await withProxy(target, { requestMs: 50 }, async (port) => {
      const silent = dial(port);
      await until(silent.over, "the end of the silent one", WAIT_MS);
    });
    await withProxy(target, {}, async (port) => {
      const half = dial(port);
      half.socket.end("GET / HTTP");
      await until(half.over, "the end of the half one", WAIT_MS);
      const large = dial(port);
      large.socket.write(`GET /${"x".repeat(70_000)}`);
      await until(large.over, "the end of the large one", WAIT_MS);
    });
    assertEquals(joined.size, 0);
  });
});

test("when one side is gone the other does not stay, and closing the proxy cuts both", async () => {
  let server: Socket | undefined;
  const answer = (socket: Socket) => {
    server = socket;
    socket.write(SWITCHING);
  };
  await withServer(answer, async (target, joined) => {
    await withProxy(target, { lingerMs: 50 }, async (port, log) => {
      const client = dial(port);
      client.socket.write(REQUEST);
      await until(() => client.text() === SWITCHING, "the response", WAIT_MS);
      client.socket.destroy();
      const talk = setInterval(() => server!.write("x"), 20); // until that fails at the proxy
      try {
        await until(() => log.length === 2, "the end, although the server ends nothing", WAIT_MS);
      } finally {
        clearInterval(talk);
      }
    });
    let client: ReturnType<typeof dial>;
    await withProxy(target, {}, async (port) => {
      client = dial(port);
      client.socket.write(REQUEST);
      await until(() => client.text() === SWITCHING, "a third response", WAIT_MS);
    });
    await until(() => client.over() && joined.size === 0, "the cut of both", WAIT_MS);
  });
});

test("a target that does not begin TLS is given up", async () => {
  await withServer(() => {}, async (port) => {
    const url = new URL(`wss://127.0.0.1:${port}/`);
    const error = await assertRejects(
      () => reach({ url, insecure: true, connectTimeoutMs: 50 }),
      Error,
    );
    assertMatch(error.message, /^cannot connect to 127\.0\.0\.1:\d+: no connection within 50 ms$/);
  });
});

test("a record that waits for the disk is given up, once", async () => {
  await withFolder(async (folder) => {
    const errors: string[] = [];
    const onFailure = (error: Error) => void errors.push(error.message);
    const recorder = new Recorder(`${folder}/record`, "ws://x/", onFailure, 1000);
    for (let i = 0; i < 20; i++) recorder.open(i, "x".repeat(200));
    assertEquals(errors, ["the disk is too slow"]);
    await recorder.close();
    const patient = new Recorder(`${folder}/whole`, "ws://x/", onFailure);
    for (let i = 0; i < 20; i++) patient.open(i, "x".repeat(200));
    await patient.close();
    assertEquals((await readFile(`${folder}/whole`, "utf8")).split("\n").length, 22);
    assertEquals(errors.length, 1);
  });
});

const FIRST = { format: "fullduplex-inspect", version: 1, url: "ws://x/" };
const OPEN = { t: 0, c: 1, e: "open", head: REQUEST };
const FRAME = { t: 0, c: 1, e: "frame", from: "client", opcode: 1, fin: true, masked: true };

test("a record that breaks off, repeats itself or lacks a frame ends its connections", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/record`;
    const answer = (socket: Socket) => {
      socket.on("data", (chunk) => {
        if (`${chunk}`.includes("\r\n\r\n")) socket.write(SWITCHING);
      });
    };
    await withServer(answer, async (port, joined) => {
      const plan: ReplayPlan = {
        path,
        target: { url: new URL(`ws://127.0.0.1:${port}/`), insecure: false },
        ...{ speed: 0, waitMs: WAIT_MS, signal: new AbortController().signal },
      };
      const cases: [unknown[], RegExp][] = [
        [[OPEN, "nonsense"], /: line 3 is not of a record$/],
        [[OPEN, { ...FRAME, payload: 7 }], /: line 3 is not of a record$/],
        [[OPEN, { ...FRAME, t: null }], /: line 3 is not of a record$/],
        [[OPEN, OPEN], /: line 3 opens connection 1 again$/],
        [[OPEN, { ...FRAME, missing: true }], /^cannot replay: a frame was too large/],
        [[OPEN, { ...FRAME, payload: "A".repeat(24 * MiB) }], /: a line is too long$/],
      ];
      for (const [lines, message] of cases) {
        const text = [FIRST, ...lines].map((line) => JSON.stringify(line)).join("\n");
        await writeFile(path, text);
        const log: string[] = [];
        const error = await assertRejects(() => replay(plan, scribe(log)), Error);
        assertMatch(error.message, message);
        await until(() => joined.size === 0, "the end of its connections", WAIT_MS);
        assertMatch(log.at(-1)!, /^end/);
      }
    });
  });
});

test("a server that does not answer, or endlessly, accepts no replayed connection", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/record`;
    await writeFile(path, [FIRST, OPEN, FRAME].map((line) => JSON.stringify(line)).join("\n"));
    const endless = (socket: Socket) => void socket.write("x".repeat(70_000));
    for (const [onSocket, handshakeTimeoutMs] of [[() => {}, 50], [endless, WAIT_MS]] as const) {
      await withServer(onSocket, async (port, joined) => {
        const target = { url: new URL(`ws://127.0.0.1:${port}/`), insecure: false };
        const signal = new AbortController().signal;
        const plan = { path, target, speed: 0, waitMs: 10, signal, handshakeTimeoutMs };
        assertEquals(await within(replay(plan, scribe([])), "the replay", WAIT_MS), false);
        await until(() => joined.size === 0, "the end of its connection", WAIT_MS);
      });
    }
  });
});

test("numbers out of range are refused, a reader that is gone and Ctrl-C end it", async () => {
  const wrong = surroundings();
  for (
    const flag of ["--port=65536", "--payload=1048577", "--speed=1000001", "--wait=86401"]
  ) {
    assertEquals(await main(["inspect", flag, "ws://127.0.0.1:1/"], wrong.io), 2, flag);
    assertMatch(wrong.errors, new RegExp(`${flag.split("=")[0]} must be a`));
  }
  const deaf = surroundings(() => false);
  const args = ["inspect", "--port", "0", "ws://127.0.0.1:1/"];
  const ended = main(args, deaf.io);
  await until(() => deaf.errors.includes("listening"), "the proxy", WAIT_MS);
  const client = dial(Number(/:(\d+)\//.exec(deaf.errors)![1]));
  client.socket.write(REQUEST);
  assertEquals(await within(ended, "the end without a reader", WAIT_MS), 0);
  await until(client.over, "the end of its client", WAIT_MS);

  const stopped = surroundings();
  const stopping = main(args, stopped.io);
  await until(() => stopped.errors.includes("listening"), "the proxy", WAIT_MS);
  stopped.press();
  stopped.press(); // before it has ended
  assertEquals([await within(stopping, "the end", WAIT_MS), stopped.exits], [0, [130]]);
});
