/** Whatever happens, in whatever order: one end, no message lost or doubled, bounded memory. */
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { ReconnectingWebSocket } from "../../../src/api/reconnecting/mod.ts";
import { Random } from "../../support/random.ts";
import { type FakeSocket, fakeSockets, turns } from "./fake_socket.ts";

const ROUNDS = 80;
const STEPS = 60;
const MAX_QUEUED_BYTES = 2000;

/** Plays one round. */
async function play(random: Random): Promise<void> {
  /** What `send()` took, and what sockets took, in order. */
  const accepted: string[] = [];
  const handed: unknown[] = [];
  let quiet = false;
  const { WebSocket, made } = fakeSockets((data, inner) => {
    if (!quiet && random.oneIn(40)) throw new Error("broken pipe");
    handed.push(data);
    if (!quiet && random.oneIn(40)) inner.end(1006); // in the middle of it
  });
  const socket = new ReconnectingWebSocket(
    random.oneIn(2) ? "ws://a.test/" : () => {
      if (random.oneIn(8)) throw new Error("no token");
      return random.oneIn(2) ? "ws://a.test/" : Promise.resolve("ws://a.test/");
    },
    [],
    {
      WebSocket,
      initialDelayMs: 0,
      maxDelayMs: 0,
      maxQueuedBytes: MAX_QUEUED_BYTES,
      shouldReconnect: () => true,
      resume: random.oneIn(3) ? undefined : () => {
        if (random.oneIn(6)) throw new Error("not resumed");
        if (random.oneIn(6)) return Promise.reject(new Error("not resumed"));
        if (random.oneIn(2)) return Promise.resolve();
      },
    },
  );

  let closes = 0, after = 0, depth = 0;
  const seen = (type: string) => {
    if (closes > 0 && type !== "close") after++;
    if (depth++ < 3 && random.oneIn(8)) act(); // a listener may do what it likes
    depth--;
  };
  socket.addEventListener("connecting", () => seen("connecting"));
  socket.addEventListener("open", () => seen("open"));
  socket.addEventListener("message", () => seen("message"));
  socket.addEventListener("reconnecting", () => seen("reconnecting"));
  socket.addEventListener("giveup", () => seen("giveup"));
  socket.addEventListener("error", () => seen("error"));
  socket.addEventListener("close", () => closes++);

  const send = () => {
    const text = `${accepted.length} ${"x".repeat(random.int(0, 300))}`;
    accepted.push(text); // before, for a socket may take it at once
    try {
      socket.send(text);
    } catch (error) {
      assertEquals((error as Error).name, "QuotaExceededError");
      assertEquals(accepted.pop(), text);
    }
  };
  const play = (inner: FakeSocket) => {
    switch (random.int(1, 10)) {
      case 1:
        return inner.end(random.pick([1000, 1001, 1006, 4000]));
      case 2:
        return inner.fail(new Error("lost"));
      case 3:
        return void (inner.readyState = random.int(0, 3)); // its event comes later, or never
      case 4:
        return inner.receive("hello");
      default:
        // A socket opens once; one that is closing does not always know.
        if (inner.readyState === 0 || random.oneIn(6)) inner.open();
    }
  };
  function act(): void {
    const latest = made.at(-1);
    if (random.oneIn(3)) send();
    else if (latest !== undefined && !random.oneIn(5)) play(latest);
    else if (made.length > 0 && random.oneIn(2)) play(random.pick(made));
    else if (random.oneIn(6)) socket.reconnect();
  }

  for (let step = 0; step < STEPS; step++) {
    act();
    if (random.oneIn(2)) await turns(random.int(1, 6));
    if (random.oneIn(6)) await new Promise((resolve) => setTimeout(resolve, 0));
    assert(socket.bufferedAmount <= MAX_QUEUED_BYTES, "too much waits");
    const kept = made.filter(({ closes, ended }) => !ended && closes.length === 0);
    assert(kept.length < 2, "more than one socket is kept");
  }

  // In the end there is a good connection, or somebody closes it.
  const goesOn = random.oneIn(2);
  quiet = true;
  if (goesOn) {
    socket.reconnect();
    for (let tries = 0; socket.readyState !== 1 || socket.bufferedAmount > 0; tries++) {
      assert(tries < 500, "it never got well");
      if (made.at(-1)?.readyState === 0) made.at(-1)!.open();
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }
  assertEquals(handed, goesOn ? accepted : accepted.slice(0, handed.length));

  assertEquals(closes, 0);
  socket.close();
  const last = made.at(-1);
  if (random.oneIn(2)) last?.end(1000);
  socket.close();
  await turns();
  if (closes === 0) last?.end(1006);
  await turns();
  for (const inner of made) for (const end of [1000, 1006]) inner.end(end);
  await new Promise((resolve) => setTimeout(resolve, 2));
  assertEquals([socket.readyState, closes, after], [3, 1, 0]);
}

test("one end, every message once and in order, and bounded memory, whatever happens", async () => {
  for (let seed = 1; seed <= ROUNDS; seed++) {
    try {
      await play(new Random(seed));
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`failed with seed ${seed}: ${what}`, { cause });
    }
  }
});
