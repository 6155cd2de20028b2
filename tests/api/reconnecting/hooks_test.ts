/** Functions that are asked before an attempt, deadlines, `resume`, heartbeats and the network. */
import { describe, test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { HandshakeError, type WebSocketError } from "../../../src/api/mod.ts";
import {
  type ConnectionEnd,
  type ReconnectingOptions,
  ReconnectingWebSocket,
} from "../../../src/api/reconnecting/mod.ts";
import { sleep, until } from "../../adapters/support/waiting.ts";
import { fakeSockets, recordEvents, turns } from "./fake_socket.ts";

type Address = ConstructorParameters<typeof ReconnectingWebSocket>;

function rig(
  options: ReconnectingOptions = {},
  url: Address[0] = "ws://a.test/",
  protocols?: Address[1],
) {
  const { WebSocket, made } = fakeSockets();
  const socket = new ReconnectingWebSocket(url, protocols, {
    WebSocket,
    initialDelayMs: 0,
    maxDelayMs: 0,
    ...options,
  });
  const causes: ConnectionEnd[] = [];
  socket.addEventListener("reconnecting", ({ cause }) => causes.push(cause));
  const nth = async (count: number) => {
    await until(() => made.length >= count, `socket ${count}`);
    return made[count - 1];
  };
  return { socket, made, nth, causes, events: recordEvents(socket) };
}

describe("functions for the URL and the subprotocols", () => {
  test("are asked before each attempt", async () => {
    let token = 0;
    const attempts: number[] = [];
    const { socket, nth } = rig(
      {},
      ({ attempt }) => {
        attempts.push(attempt);
        return Promise.resolve(`wss://a.test/?token=${++token}`);
      },
      () => [`p${token}`],
    );
    assertEquals(socket.url, "");
    for (const n of [1, 2, 3]) {
      const inner = await nth(n);
      assertEquals([inner.url, inner.protocols], [`wss://a.test/?token=${n}`, [`p${n}`]]);
      if (n < 3) inner.end(1006);
    }
    (await nth(3)).open();
    assertEquals([socket.url, attempts], ["wss://a.test/?token=3", [1, 2, 3]]);
    socket.close();
  });

  test("that fail, or give what is no URL, are failed attempts", async () => {
    const answers = [
      () => Promise.reject(new Error("no token")),
      () => {
        throw new Error("no idea");
      },
      () => "ftp://a.test",
      () => "ws://a.test/#fragment",
      () => "//",
      () => Promise.reject(undefined),
    ];
    let asked = 0;
    const { socket, causes, nth } = rig({}, () => answers[asked++]?.() ?? "ws://a.test/");
    (await nth(1)).open();
    assertEquals(socket.readyState, 1);
    assertEquals(causes.map(({ error }) => (error as HandshakeError).code), [
      "WS_CONNECT_FAILED",
      "WS_CONNECT_FAILED",
      "WS_CONNECT_FAILED",
      "WS_CONNECT_FAILED",
      "WS_CONNECT_FAILED",
      "WS_CONNECT_FAILED",
    ]);
    assertEquals(causes[0].error!.message, "Cannot connect: no token");
    assertEquals((causes[0].error!.cause as Error).message, "no token");
    socket.close();
  });

  test("are not asked for an attempt that nobody wants any more", async () => {
    let asked = 0;
    let answer: (url: string) => void = () => {};
    const url = () => {
      asked++;
      return new Promise<string>((resolve) => answer = resolve);
    };
    const early = rig({}, url);
    early.socket.addEventListener("connecting", () => early.socket.close());
    await until(() => early.socket.readyState === 3, "end");
    assertEquals(asked, 0);

    let askedNext = 0;
    const later = rig({}, url, () => {
      askedNext++;
      return [];
    });
    await until(() => asked === 1, "question");
    later.socket.close();
    answer("ws://a.test");
    await sleep(5);
    assertEquals([askedNext, later.made.length], [0, 0]);
  });

  test("that take too long are given up, told so, and not heard any more", async () => {
    const late: ((url: string) => void)[] = [];
    const signals: AbortSignal[] = [];
    const { socket, made, causes } = rig({ connectTimeoutMs: 20 }, ({ signal }) => {
      signals.push(signal);
      return new Promise((resolve) => late.push(resolve));
    });
    await until(() => late.length >= 2, "second attempt");
    assert(signals[0].aborted && !signals[1].aborted);
    assert(causes[0].error instanceof HandshakeError);
    assertEquals((causes[0].error as HandshakeError).code, "WS_HANDSHAKE_TIMEOUT");
    late[0]("ws://a.test/late");
    await turns();
    assertEquals(made.length, 0);
    socket.close();
    assert(signals.at(-1)!.aborted);
  });

  test("a wrong URL that is given as such is refused at once", () => {
    for (const url of ["", "//", "ftp://a.test", "ws://a.test/#x", "ws://a.test/#", "a.test"]) {
      const error = assertThrows(() => new ReconnectingWebSocket(url), DOMException);
      assertEquals(error.name, "SyntaxError", url);
    }
  });
});

test("socketOptions are the third argument of the class, made anew for each attempt", async () => {
  let count = 0;
  const { socket, nth } = rig({
    socketOptions: () => Promise.resolve({ headers: { authorization: `token ${++count}` } }),
  });
  (await nth(1)).end();
  const options = (await nth(2)).options as { headers: Record<string, string> };
  assertEquals(options.headers.authorization, "token 2");
  socket.close();
});

test("a message that the socket has no way to send is no reason to connect again and again", async () => {
  const { socket, made, nth, events } = rig();
  const first = await nth(1);
  first.onSend = () => {
    throw new DOMException("this draft has text only", "NotSupportedError");
  };
  let cause: ConnectionEnd | undefined;
  socket.addEventListener("giveup", (event) => cause = event.cause);
  first.open();
  socket.send(new Uint8Array(3));
  await until(() => socket.readyState === 3, "end");
  await sleep(20);
  assertEquals(made.length, 1);
  assertEquals(events.slice(-3), ["giveup 1", "error", "close 1006 false"]);
  assertEquals((cause!.error!.cause as DOMException).name, "NotSupportedError");
});

test("a class that throws when it is made is a failed attempt, hopeless if nothing can change", async () => {
  for (const [url, attempts] of [["ws://a.test", 1], [() => "ws://a.test", 3]] as const) {
    let made = 0;
    const socket = new ReconnectingWebSocket(url, [], {
      WebSocket: class {
        constructor() {
          made++;
          throw new TypeError("no such option");
        }
      } as never,
      initialDelayMs: 0,
      maxAttempts: 3,
    });
    let cause: ConnectionEnd | undefined;
    socket.addEventListener("giveup", (event) => cause = event.cause);
    await until(() => socket.readyState === 3, "end");
    assertEquals(made, attempts);
    assertEquals(cause!.error!.message, "Cannot connect: no such option");
  }
});

test("a socket that neither opens nor fails is given up after connectTimeoutMs", async () => {
  const { socket, nth, causes } = rig({ connectTimeoutMs: 20 });
  const first = await nth(1);
  await nth(2);
  assertEquals((causes[0].error as HandshakeError).code, "WS_HANDSHAKE_TIMEOUT");
  assertEquals(first.closes.length, 1);
  first.open(); // and then it opens after all: nobody wants it
  assertEquals([first.closes.length, socket.readyState], [2, 0]);
  socket.close();
});

test("a socket that opened while the loop stood still past connectTimeoutMs is not given up", async () => {
  const { socket, made, nth } = rig({ connectTimeoutMs: 20 });
  const first = await nth(1);
  setTimeout(() => first.open(), 25); // due after the deadline, as what waits in the system is read
  const end = performance.now() + 60;
  while (performance.now() < end);
  await until(() => first.readyState === 1, "opening");
  assertEquals([socket.readyState, made.length], [1, 1]);
  socket.close();
});

describe("resume", () => {
  test("runs before what waits is sent, with each connection but the first", async () => {
    let seen = 0;
    const { socket, nth, events } = rig({
      resume: async (inner) => {
        inner.send(`from ${seen}`);
        await new Promise((resolve) => inner.addEventListener("message", resolve));
        inner.send("go");
      },
    });
    socket.onmessage = () => seen++;
    socket.send("a");
    const first = await nth(1);
    first.open();
    assertEquals([first.sent, socket.readyState], [["a"], 1]);
    first.receive("one");
    first.end(1006);
    socket.send("b");
    const second = await nth(2);
    second.open();
    assertEquals([second.sent, socket.readyState], [["from 1"], 0]);
    second.receive("two");
    await turns();
    assertEquals([second.sent, socket.readyState], [["from 1", "go", "b"], 1]);
    assertEquals(events.slice(-4), ["reconnecting 2", "connecting 2", "message two", "open"]);
    socket.close();
  });

  test("may do its work at once", async () => {
    const { socket, nth } = rig({ resume: (inner) => inner.send("hello again") });
    (await nth(1)).open();
    (await nth(1)).end();
    socket.send("b");
    (await nth(2)).open();
    assertEquals((await nth(2)).sent, ["hello again", "b"]);
    socket.close();
  });

  test("that fails, throws or takes too long closes the connection and counts as a failure", async () => {
    const outcomes = [
      () => Promise.reject(new Error("unknown session")),
      () => {
        throw new Error("mistake");
      },
      () => new Promise<void>(() => {}),
    ];
    let asked = 0;
    const { socket, nth, causes } = rig({
      resume: () => outcomes[asked++]?.(),
      connectTimeoutMs: 30,
    });
    socket.send("first");
    (await nth(1)).open();
    (await nth(1)).end();
    socket.send("waits");
    for (const n of [2, 3, 4]) {
      const inner = await nth(n);
      inner.open();
      await until(() => inner.closes.length > 0, `closing of socket ${n}`);
      assertEquals(inner.sent, []);
    }
    (await nth(5)).open();
    assertEquals((await nth(5)).sent, ["waits"]);
    const errors = causes.slice(1).map(({ error }) => error as WebSocketError);
    assertEquals(errors.map(({ code }) => code), Array(3).fill("WS_HANDLER_FAILED"));
    assertEquals((errors[0].cause as Error).message, "unknown session");
    socket.close();
  });

  test("that ends after its connection changes nothing", async () => {
    let finish: () => void = () => {};
    const { socket, nth } = rig({ resume: () => new Promise<void>((resolve) => finish = resolve) });
    (await nth(1)).open();
    (await nth(1)).end();
    (await nth(2)).open();
    (await nth(2)).end();
    finish();
    await turns();
    assertEquals([socket.readyState, (await nth(3)).readyState], [0, 0]);
    (await nth(3)).open();
    socket.close(1000, "bye"); // while it runs: the connection is there, and closed in order
    finish();
    await turns();
    assertEquals([socket.readyState, (await nth(3)).closes], [2, [[1000, "bye"]]]);
    (await nth(3)).end(1000, "bye");
    assertEquals(socket.readyState, 3);
  });
});

describe("a heartbeat", () => {
  test("sends its message, and gives up a connection from which nothing comes", async () => {
    let beats = 0;
    const { socket, nth, causes } = rig({
      heartbeat: { message: () => `beat ${++beats}`, intervalMs: 30, timeoutMs: 60 },
    });
    const first = await nth(1);
    first.open();
    await until(() => first.sent.length === 1, "a beat");
    first.receive("here");
    await until(() => first.sent.length === 2, "another beat");
    assertEquals(first.sent, ["beat 1", "beat 2"]);
    await nth(2);
    assertEquals(first.closes.length, 1);
    assertEquals((causes[0].error as WebSocketError).code, "WS_PING_TIMEOUT");
    assertEquals(first.sent.length, 2); // one at a time
    socket.close();
  });

  test("stops with its connection", async () => {
    let beats = 0;
    const { socket, nth } = rig({
      heartbeat: { message: () => `${++beats}`, intervalMs: 5, timeoutMs: 5000 },
      initialDelayMs: 100_000,
      maxDelayMs: 100_000,
    });
    const first = await nth(1);
    first.open();
    await until(() => first.sent.length > 0, "a beat");
    first.receive("here");
    await until(() => beats > 1, "another beat");
    first.receive("here");
    first.end();
    const before = beats;
    await sleep(30);
    assertEquals(beats, before);
    socket.close();
  });

  test("whose message cannot be made fails the connection", async () => {
    const { socket, nth, causes } = rig({
      heartbeat: {
        message: () => {
          throw new Error("mistake");
        },
        intervalMs: 5,
      },
    });
    (await nth(1)).open();
    await nth(2);
    assertEquals((causes[0].error as WebSocketError).code, "WS_HANDLER_FAILED");
    socket.close();
  });
});

describe("the platform's network events", () => {
  const target = globalThis as Partial<EventTarget>;
  const skip = typeof target.dispatchEvent !== "function" && "globalThis is no event target here";
  const tell = (type: string) => target.dispatchEvent!(new Event(type));

  test("it waits while offline, and tries at once when online again", { skip }, async () => {
    const { socket, made, nth, events } = rig({ initialDelayMs: 10, maxDelayMs: 10 });
    let delayMs = 0;
    socket.addEventListener("reconnecting", (event) => delayMs = event.delayMs);
    (await nth(1)).open();
    tell("offline");
    assertEquals(socket.readyState, 1); // what there is may well stay
    made[0].end(1006);
    assertEquals(delayMs, Infinity);
    await sleep(40);
    assertEquals(made.length, 1);
    tell("online");
    assertEquals(made.length, 2);
    made[1].end(1006);
    tell("offline"); // in the middle of a delay
    await sleep(40);
    assertEquals(made.length, 2);
    tell("online");
    assertEquals(made.length, 3);
    tell("online"); // nothing to do
    assertEquals(made.length, 3);
    assertEquals(events.filter((event) => event.startsWith("connecting")).length, 3);
    socket.close();
    tell("offline");
    tell("online");
    assertEquals(made.length, 3);
  });

  test("it need not listen to them", { skip }, async () => {
    const { socket, nth } = rig({ pauseWhenOffline: false });
    tell("offline");
    (await nth(1)).end(1006);
    (await nth(2)).open();
    assertEquals(socket.readyState, 1);
    socket.close();
    tell("online");
  });

  test("it lets go of them at the end", { skip }, async () => {
    const { addEventListener, removeEventListener } = target;
    const counts: Record<string, number> = { online: 0, offline: 0 };
    target.addEventListener = function (type: string, ...rest: [never]) {
      if (type in counts) counts[type]++;
      addEventListener!.call(globalThis, type, ...rest);
    } as EventTarget["addEventListener"];
    target.removeEventListener = function (type: string, ...rest: [never]) {
      if (type in counts) counts[type]--;
      removeEventListener!.call(globalThis, type, ...rest);
    } as EventTarget["removeEventListener"];
    try {
      const { socket } = rig();
      assertEquals(counts, { online: 1, offline: 1 });
      socket.close();
      await until(() => socket.readyState === 3, "end");
      assertEquals(counts, { online: 0, offline: 0 });
    } finally {
      Object.assign(target, { addEventListener, removeEventListener });
    }
  });
});
