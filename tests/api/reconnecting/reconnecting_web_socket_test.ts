import { describe, test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { HandshakeError, WebSocketError } from "../../../src/api/mod.ts";
import {
  type ConnectionEnd,
  type PerAttempt,
  type ReconnectingOptions,
  ReconnectingWebSocket,
} from "../../../src/api/reconnecting/mod.ts";
import { sleep, until } from "../../adapters/support/waiting.ts";
import { type FakeSocket, fakeSockets, recordEvents, turns } from "./fake_socket.ts";

interface Rig {
  socket: ReconnectingWebSocket;
  /** The sockets that it made. */
  made: FakeSocket[];
  /** Its events. */
  events: string[];
  /** Waits for the n-th socket, the first being 1. */
  nth(count: number): Promise<FakeSocket>;
}

/** A reconnecting socket that hardly waits, over sockets that the test plays. */
function rig(options: ReconnectingOptions = {}, url: PerAttempt<string> = "ws://a.test/"): Rig {
  const { WebSocket, made } = fakeSockets();
  const socket = new ReconnectingWebSocket(url, undefined, {
    WebSocket,
    initialDelayMs: 0,
    maxDelayMs: 0,
    ...options,
  });
  const nth = async (count: number) => {
    await until(() => made.length >= count, `socket ${count}`);
    return made[count - 1];
  };
  return { socket, made, nth, events: recordEvents(socket) };
}

describe("a reconnecting socket without trouble", () => {
  test("looks like a standard one", async () => {
    const { socket, nth, events } = rig({}, "http://a.test/chat");
    assertEquals([socket.CONNECTING, socket.OPEN, socket.CLOSING, socket.CLOSED], [0, 1, 2, 3]);
    const { CONNECTING, OPEN, CLOSING, CLOSED } = ReconnectingWebSocket;
    assertEquals([CONNECTING, OPEN, CLOSING, CLOSED], [0, 1, 2, 3]);
    assertEquals([socket.url, socket.readyState], ["ws://a.test/chat", 0]);
    assertEquals([socket.protocol, socket.extensions, socket.binaryType], ["", "", "blob"]);
    const inner = await nth(1);
    assertEquals([inner.url, inner.protocols], ["ws://a.test/chat", []]);
    inner.extensions = "permessage-deflate";
    inner.open("chat");
    assertEquals([socket.readyState, socket.protocol], [1, "chat"]);
    assertEquals(socket.extensions, "permessage-deflate");
    inner.bufferedAmount = 7;
    assertEquals(socket.bufferedAmount, 7);
    inner.receive("hello");
    socket.close(1000, "bye");
    assertEquals([socket.readyState, inner.closes], [2, [[1000, "bye"]]]);
    inner.receive("late");
    inner.end(1000, "bye");
    assertEquals(socket.readyState, 3);
    assertEquals(events, ["connecting 1", "open", "message hello", "close 1000 true"]);
  });

  test("calls its on... handlers in line with its listeners", async () => {
    const { socket, nth } = rig();
    const calls: string[] = [];
    assertEquals([socket.onopen, socket.onmessage, socket.onerror, socket.onclose], [
      null,
      null,
      null,
      null,
    ]);
    socket.onmessage = () => calls.push("replaced");
    socket.addEventListener("message", ({ data }) => calls.push(`listener ${data}`));
    const handler = ({ data }: MessageEvent) => calls.push(`handler ${data}`);
    socket.onmessage = handler;
    assertEquals(socket.onmessage, handler);
    socket.onopen = () => calls.push("open");
    socket.onclose = ({ code }) => calls.push(`close ${code}`);
    socket.onerror = 1 as unknown as null;
    assertEquals(socket.onerror, null);
    const inner = await nth(1);
    inner.open();
    inner.receive("a");
    socket.onmessage = null;
    inner.receive("b");
    inner.end(1000);
    assertEquals(calls, ["open", "handler a", "listener a", "listener b", "close 1000"]);
  });

  test("hands its binaryType on, and keeps it on the next connection", async () => {
    const { socket, nth } = rig();
    socket.binaryType = "arraybuffer";
    const first = await nth(1);
    first.open();
    assertEquals(first.binaryType, "arraybuffer");
    socket.binaryType = "nodebuffer" as BinaryType;
    assertEquals(socket.binaryType, "arraybuffer");
    socket.binaryType = "blob";
    assertEquals(first.binaryType, "blob");
    socket.binaryType = "arraybuffer";
    first.end();
    assertEquals((await nth(2)).binaryType, "arraybuffer");
    socket.close();
  });
});

describe("a reconnecting socket that loses its connection", () => {
  test("connects again, and says so", async () => {
    const { socket, nth, events } = rig();
    const causes: ConnectionEnd[] = [];
    socket.addEventListener("reconnecting", ({ cause }) => causes.push(cause));
    (await nth(1)).open();
    (await nth(1)).end(1006);
    assertEquals(socket.readyState, 0);
    (await nth(2)).fail(new Error("refused"));
    (await nth(3)).open();
    assertEquals(events, [
      "connecting 1",
      "open",
      "reconnecting 2",
      "connecting 2",
      "reconnecting 3",
      "connecting 3",
      "open",
    ]);
    const [lost, refused] = causes;
    assertEquals([lost.closeCode, lost.reason, lost.wasClean], [1006, "", false]);
    assert(lost.error instanceof WebSocketError);
    assertEquals((lost.error as WebSocketError).code, "WS_CONNECTION_LOST");
    assert(refused.error instanceof HandshakeError);
    assertEquals(refused.error!.message, "Cannot connect: refused");
    socket.close();
  });

  test("sends what waited, in order, and before what comes later", async () => {
    const { socket, nth } = rig();
    socket.send("a");
    socket.send(new Uint8Array([1]));
    assertEquals(socket.bufferedAmount, 2);
    socket.onopen = () => socket.send("c");
    const first = await nth(1);
    first.open();
    assertEquals(first.sent, ["a", new Uint8Array([1]), "c"]);
    first.readyState = 2; // its end is not reported yet
    socket.send("d");
    assertEquals([first.sent.length, socket.readyState, socket.bufferedAmount], [3, 1, 1]);
    first.end();
    socket.onopen = null;
    const second = await nth(2);
    second.open();
    assertEquals(second.sent, ["d"]);
    socket.close();
  });

  test("keeps what a dying connection did not take, for the next", async () => {
    const { socket, nth } = rig();
    for (const text of ["a", "b", "c"]) socket.send(text);
    const first = await nth(1);
    first.onSend = (data) => {
      if (data === "b") throw new Error("broken pipe");
    };
    first.open();
    assertEquals(first.sent, ["a"]);
    const second = await nth(2);
    second.onSend = (data) => {
      if (data === "c") second.readyState = 2;
    };
    second.readyState = 1;
    second.open();
    assertEquals(second.sent, ["b"]);
    socket.close();
  });

  test("tells of no connection that ended while it took what waited", async () => {
    const { socket, nth, events } = rig();
    socket.send("a");
    const first = await nth(1);
    first.onSend = () => first.end(1006);
    first.open();
    assertEquals([socket.readyState, events], [0, ["connecting 1", "reconnecting 2"]]);
    socket.close();
  });

  test("takes a clean end before the beginning for a failed attempt", async () => {
    const { socket, nth } = rig();
    (await nth(1)).end(1000);
    assertEquals(socket.readyState, 0);
    (await nth(2)).open();
    socket.close();
  });

  test("refuses what would wait above the limit, and still sends what waits", async () => {
    const { socket, nth } = rig({ maxQueuedBytes: 200 });
    socket.send("one");
    socket.send("two");
    const error = assertThrows(() => socket.send("x".repeat(200)), DOMException);
    assertEquals(error.name, "QuotaExceededError");
    assertEquals(
      error.message,
      "Cannot send: there is no connection, and more than maxQueuedBytes (200) would wait for one",
    );
    const inner = await nth(1);
    inner.open();
    assertEquals(inner.sent, ["one", "two"]);
    socket.send("x".repeat(200)); // goes straight through
    assertEquals(inner.sent.length, 3);
    socket.close();
  });

  test("gives up after maxAttempts failures in a row", async () => {
    const { socket, nth, events } = rig({ maxAttempts: 3 });
    socket.send("never");
    for (const n of [1, 2, 3]) (await nth(n)).end(1006);
    assertEquals(socket.readyState, 3);
    assertEquals(events, [
      "connecting 1",
      "reconnecting 2",
      "connecting 2",
      "reconnecting 3",
      "connecting 3",
      "giveup 3",
      "error",
      "close 1006 false",
    ]);
    assertEquals(socket.bufferedAmount, 5);
    socket.send("too late");
    assertEquals(socket.bufferedAmount, 13);
  });

  test("counts anew after a connection that was stable", async () => {
    const { socket, nth, events } = rig({ maxAttempts: 2, stableAfterMs: 30 });
    (await nth(1)).end(1006);
    (await nth(2)).open();
    await sleep(60);
    (await nth(2)).end(1006);
    (await nth(3)).end(1006);
    (await nth(4)).open();
    (await nth(4)).end(1006); // opened, but not stable
    assertEquals(events.filter((event) => /connecting|giveup/.test(event)), [
      "connecting 1",
      "reconnecting 2",
      "connecting 2",
      "reconnecting 1",
      "connecting 1",
      "reconnecting 2",
      "connecting 2",
      "giveup 2",
    ]);
    assertEquals(socket.readyState, 3);
  });
});

describe("after a clean close by the server", () => {
  for (const code of [1000, 1001, 1005, 1011, 1012, 4000]) {
    test(`with ${code} it is over`, async () => {
      const { socket, made, nth, events } = rig();
      (await nth(1)).open();
      made[0].end(code);
      await sleep(5);
      assertEquals([socket.readyState, made.length], [3, 1]);
      assertEquals(events.at(-1), `close ${code} true`);
      assert(!events.includes("error"));
    });
  }

  for (const code of [1001, 1012, 1013]) {
    test(`with ${code}, which was asked for, it connects again`, async () => {
      const { socket, nth } = rig({ reconnectCodes: [1001, 1012, 1013] });
      (await nth(1)).open();
      (await nth(1)).end(code);
      (await nth(2)).open();
      assertEquals(socket.readyState, 1);
      socket.close();
    });
  }

  test("shouldReconnect decides, and is told of the end", async () => {
    const ends: ConnectionEnd[] = [];
    const { socket, nth, events } = rig({
      shouldReconnect: (end) => ends.push(end) < 2,
    });
    (await nth(1)).open();
    (await nth(1)).end(1000, "for now");
    (await nth(2)).fail(new HandshakeError("no", { code: "WS_HANDSHAKE_REFUSED", status: 401 }));
    assertEquals(socket.readyState, 3);
    assertEquals(ends[0], { closeCode: 1000, reason: "for now", wasClean: true });
    assertEquals((ends[1].error as HandshakeError).status, 401);
    assertEquals(events.slice(-3), ["giveup 2", "error", "close 1006 false"]);
  });

  test("a shouldReconnect that throws, or does not answer, gives up", async () => {
    for (
      const shouldReconnect of [
        () => {
          throw new Error("mistake");
        },
        (() => Promise.resolve(false)) as unknown as () => boolean,
      ]
    ) {
      const { socket, nth } = rig({ shouldReconnect });
      let cause: ConnectionEnd | undefined;
      socket.addEventListener("giveup", (event) => cause = event.cause);
      (await nth(1)).end(1006);
      assertEquals(socket.readyState, 3);
      assert(/mistake|must return a boolean/.test(cause!.error!.message));
    }
  });
});

describe("closing a reconnecting socket", () => {
  test("while it waits, connects or asks for its address ends it with 1006", async () => {
    for (const phase of ["new", "asking", "connecting", "waiting"]) {
      let asked: AbortSignal | undefined;
      const url = phase === "asking"
        ? ({ signal }: { signal: AbortSignal }) => {
          asked = signal;
          return new Promise<string>(() => {});
        }
        : "ws://a.test";
      const { socket, made, nth, events } = rig({ initialDelayMs: 20, maxDelayMs: 20 }, url);
      socket.send("abc");
      if (phase === "asking") await turns();
      if (phase === "connecting") await nth(1);
      if (phase === "waiting") (await nth(1)).end(1006);
      socket.close(3000);
      assertEquals(socket.readyState, 2, phase);
      const before = made.length;
      await sleep(40);
      assertEquals([socket.readyState, made.length, socket.bufferedAmount], [3, before, 3], phase);
      assertEquals(events.filter((event) => event.startsWith("close")), ["close 1006 false"]);
      if (phase === "asking") assert(asked!.aborted);
      if (phase === "connecting") assertEquals(made[0].closes.length, 1);
    }
  });

  test("is final: neither reconnect() nor the end of the old connection revives it", async () => {
    const { socket, made, nth, events } = rig();
    (await nth(1)).open();
    socket.close();
    assertThrows(() => socket.reconnect(), DOMException, "closed for good");
    made[0].end(1001);
    made[0].end(1001);
    made[0].open();
    assertThrows(() => socket.reconnect(), DOMException, "closed for good");
    await sleep(5);
    assertEquals([made.length, socket.readyState], [1, 3]);
    assertEquals(events.filter((event) => event.startsWith("close")), ["close 1001 true"]);
  });

  test("ends after closeTimeoutMs when the connection does not", async () => {
    const { socket, nth, events } = rig({ closeTimeoutMs: 20 });
    (await nth(1)).open();
    socket.close();
    await until(() => socket.readyState === 3, "end");
    assertEquals(events.at(-1), "close 1006 false");
  });

  test("takes what the standard takes", () => {
    const { socket } = rig();
    for (const code of [0, 999, 1001, 1005, 2999, 5000, 2999.4, NaN]) {
      const error = assertThrows(() => socket.close(code), DOMException);
      assertEquals(error.name, "InvalidAccessError");
      assertThrows(() => socket.reconnect(code), DOMException);
    }
    assertEquals(
      assertThrows(() => socket.close(1000, "é".repeat(62)), DOMException).name,
      "SyntaxError",
    );
    assertEquals(socket.readyState, 0);
    socket.close(4999, "é".repeat(61));
  });

  test("an aborted signal ends it at once", async () => {
    const controller = new AbortController();
    const { socket, nth, events } = rig({ signal: controller.signal });
    (await nth(1)).open();
    controller.abort();
    assertEquals([socket.readyState, (await nth(1)).closes.length], [3, 1]);
    assertEquals(events.at(-1), "close 1006 false");

    const twice = new AbortController();
    const both = rig({ signal: twice.signal });
    both.socket.close();
    twice.abort();
    await turns();
    assertEquals(both.events, ["close 1006 false"]);

    const aborted = rig({ signal: controller.signal });
    await turns();
    assertEquals([aborted.socket.readyState, aborted.made.length], [3, 0]);
  });
});

test("a reconnecting socket that is over has let go of its signal", async () => {
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: unknown[]) => {
    listeners++;
    Reflect.apply(addEventListener, signal, args);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    listeners--;
    Reflect.apply(removeEventListener, signal, args);
  };
  const { socket } = rig({ signal });
  assertEquals(listeners, 1);
  socket.close();
  await turns();
  assertEquals([socket.readyState, listeners], [3, 0]);
});

describe("reconnect()", () => {
  test("starts counting anew", async () => {
    const { socket, nth, events } = rig({ maxAttempts: 2 });
    (await nth(1)).end(1006);
    socket.reconnect();
    (await nth(2)).end(1006);
    (await nth(3)).open();
    assertEquals(events.filter((event) => event.startsWith("connecting")), [
      "connecting 1",
      "connecting 1",
      "connecting 2",
    ]);
    socket.close();
  });

  test("replaces the connection, and nothing of the old one is heard any more", async () => {
    const { socket, nth, events } = rig();
    const first = await nth(1);
    first.open();
    socket.reconnect(4001, "again");
    assertEquals([first.closes, socket.readyState], [[[4001, "again"]], 0]);
    first.receive("old");
    first.end(1000);
    socket.send("new");
    const second = await nth(2);
    second.open();
    assertEquals([first.sent, second.sent], [[], ["new"]]);
    assertEquals(events, ["connecting 1", "open", "connecting 1", "open"]);
    socket.close();
  });

  test("does not wait any longer", async () => {
    const { socket, made, nth } = rig({ initialDelayMs: 100_000, maxDelayMs: 100_000 });
    (await nth(1)).end(1006);
    socket.reconnect();
    assertEquals(made.length, 2);
    socket.close();
  });

  test("may be called by any listener", async () => {
    for (const type of ["connecting", "open", "reconnecting"] as const) {
      const { socket, made, nth } = rig();
      socket.addEventListener(type, () => socket.reconnect(), { once: true });
      await until(() => made.length > 0, "a socket");
      made[0].open();
      made[0].end(1006);
      await sleep(5);
      assert(made.length >= 1);
      const last = await nth(made.length);
      if (last.readyState === 0) last.open();
      assertEquals([type, socket.readyState], [type, last.readyState === 1 ? 1 : 0]);
      socket.close();
      assertEquals(made.filter(({ readyState }) => readyState < 2).length, 0, type);
    }
  });
});
