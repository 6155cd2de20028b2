import { assert, assertEquals, assertThrows } from "@std/assert";
import { test } from "node:test";
import { prepareMessage, type WebSocketConnection } from "../../src/api/mod.ts";
import {
  broadcast,
  broadcastChannelRelay,
  type RelayMessage,
  type TopicRelay,
  Topics,
} from "../../src/server/mod.ts";
import type { AcceptOptions } from "../../src/api/stream.ts";
import { acceptPeer, closeFrame, type End, masked, soon, until } from "../api/ends.ts";
import type { DecodedFrame } from "../support/wire.ts";

/** A connection with a peer that reads all that comes. */
interface Member extends End {
  readonly frames: DecodedFrame[];
}

async function member(options: AcceptOptions = {}): Promise<Member> {
  const end = await acceptPeer(options);
  const frames: DecodedFrame[] = [];
  const read = async () => {
    for (let frame; (frame = await end.peer.readFrame()) !== null;) frames.push(frame);
  };
  read().catch(() => {}); // its time is up
  return { ...end, frames };
}

/** Runs a test, and ends its connections. */
function testWith(
  name: string,
  run: (join: typeof member) => Promise<void>,
  options: { skip?: string | false } = {},
): void {
  test(name, options, async () => {
    const sockets: WebSocketConnection[] = [];
    try {
      await run(async (options) => {
        const joined = await member(options);
        sockets.push(joined.socket);
        return joined;
      });
    } finally {
      for (const socket of sockets) socket.terminate();
    }
  });
}

const sentTo = ({ frames }: Member): string[] =>
  frames.map(({ payload }) => new TextDecoder().decode(payload));

testWith("subscribers get what is published, and the others do not", async (join) => {
  const topics = new Topics();
  const [a, b, c] = [await join(), await join(), await join()];
  assertEquals(topics.subscribe(a.socket, "x"), true);
  assertEquals(topics.subscribe(a.socket, "x"), true); // once is enough
  assertEquals(topics.subscribe(b.socket, "x"), true);
  assertEquals(topics.subscribe(c.socket, "y"), true);
  assertEquals([topics.count("x"), topics.count("y"), topics.count("z"), topics.size], [
    2,
    1,
    0,
    2,
  ]);
  assertEquals(topics.publish("x", "to all"), { sent: 2, dropped: 0 });
  assertEquals(topics.publish("x", "to b", { except: a.socket }).sent, 1);
  assertEquals(topics.publish("x", "to a", { filter: (it) => it === a.socket }).sent, 1);
  assertEquals(topics.publish("x", "none", { except: new Set([a.socket, b.socket]) }).sent, 0);
  assertEquals(topics.publish("z", "nobody").sent, 0);
  assertEquals(topics.unsubscribe(b.socket, "x"), true);
  assertEquals(topics.unsubscribe(b.socket, "x"), false);
  topics.publish("x", Uint8Array.of(0x62));
  await until(() => sentTo(a).length === 3, "three messages came");
  assertEquals(sentTo(a), ["to all", "to a", "b"]);
  assertEquals(sentTo(b), ["to all", "to b"]);
  assertEquals(sentTo(c), []);
  assertEquals([topics.topicsOf(a.socket), topics.subscribers("x").length], [["x"], 1]);
});

testWith("a connection that ends is on no topic any more", async (join) => {
  const topics = new Topics();
  const { socket, peer } = await join();
  topics.subscribe(socket, "x");
  topics.subscribe(socket, "y");
  peer.write(masked(closeFrame()));
  peer.end();
  await soon(socket.closed, "the end");
  await until(() => topics.size === 0, "the topics were left");
  assertEquals(topics.topicsOf(socket), []);
  assertEquals(topics.subscribe(socket, "x"), false);
  assertEquals(topics.count("x"), 0);
});

testWith("names are bounded in length and number, and may be anything", async (join) => {
  const topics = new Topics({ maxTopicsPerSocket: 3, maxTopicLength: 20 });
  const { socket, frames } = await join();
  assertEquals(topics.subscribe(socket, "x".repeat(21)), false);
  assertEquals(topics.subscribe(socket, ""), false);
  for (const topic of ["__proto__", "constructor", "hasOwnProperty"]) {
    assertEquals(topics.count(topic), 0);
    assertEquals(topics.subscribe(socket, topic), true);
    assertEquals(topics.count(topic), 1);
  }
  assertEquals(topics.subscribe(socket, "one more"), false);
  assertEquals(topics.subscribe(socket, "__proto__"), true); // it is on that one already
  topics.unsubscribe(socket, "__proto__");
  assertEquals(topics.subscribe(socket, "one more"), true);
  topics.publish("constructor", "x");
  await until(() => frames.length === 1, "the message came");
  assertThrows(() => topics.subscribe(socket, 1 as never), TypeError, "Cannot use topic");
  assertThrows(() => topics.publish(null as never, "x"), TypeError, "Cannot use topic");
});

/** A connection that has more than its high-water mark waiting. */
async function slowOne(join: typeof member): Promise<Member> {
  const end = await join({ highWaterMark: 1000 });
  end.peer.stall();
  while (end.socket.trySend("x".repeat(1001)));
  return end;
}

testWith("a slow subscriber misses the message, and is counted, by default", async (join) => {
  const topics = new Topics();
  const [slow, quick] = [await slowOne(join), await join()];
  topics.subscribe(slow.socket, "x");
  topics.subscribe(quick.socket, "x");
  const before = slow.socket.bufferedAmount;
  for (let i = 0; i < 100; i++) assertEquals(topics.publish("x", "hi"), { sent: 1, dropped: 1 });
  assertEquals([topics.dropped, slow.socket.bufferedAmount, slow.socket.readyState], [
    100,
    before,
    1,
  ]);
  await until(() => sentTo(quick).length === 100, "all came to the quick one");
  slow.peer.unstall();
  await until(() => slow.socket.bufferedAmount === 0, "all of it left");
  assertEquals(topics.publish("x", "again"), { sent: 2, dropped: 0 });
});

testWith("a slow subscriber is closed with 1013 where the policy says so", async (join) => {
  const topics = new Topics({ slow: "close" });
  const slow = await slowOne(join);
  topics.subscribe(slow.socket, "x");
  assertEquals(topics.publish("x", "hi", { slow: "drop" }), { sent: 0, dropped: 1 });
  assertEquals(slow.socket.readyState, 1);
  assertEquals(topics.publish("x", "hi"), { sent: 0, dropped: 1 });
  assertEquals(slow.socket.readyState, 2);
  assertEquals(topics.publish("x", "hi"), { sent: 0, dropped: 0 });
  slow.peer.unstall();
  await until(() => slow.frames.at(-1)?.opcode === 8, "the close frame came");
  const { payload } = slow.frames.at(-1)!;
  assertEquals(payload[0] * 256 + payload[1], 1013);
});

testWith("a message is encoded once, whatever the number of its receivers", async (join) => {
  const topics = new Topics();
  for (let i = 0; i < 20; i++) topics.subscribe((await join()).socket, "x");
  const { encode, encodeInto } = TextEncoder.prototype;
  let encoded = 0;
  const count = (text?: string) => {
    if (text?.startsWith("once")) encoded++;
  };
  TextEncoder.prototype.encode = function (text) {
    count(text);
    return encode.call(this, text);
  };
  TextEncoder.prototype.encodeInto = function (text, bytes) {
    count(text);
    return encodeInto.call(this, text, bytes);
  };
  try {
    assertEquals(topics.publish("x", "once" + "ü".repeat(1000)).sent, 20);
    await new Promise((resolve) => setTimeout(resolve, 20));
  } finally {
    Object.assign(TextEncoder.prototype, { encode, encodeInto });
  }
  assertEquals(encoded, 1);
});

testWith("a message that was prepared goes out as it is, and to no relay", async (join) => {
  const { socket, frames } = await join();
  const message = prepareMessage("hi", { type: "binary" });
  assertEquals(broadcast([socket, socket], message), { sent: 2, dropped: 0 });
  await until(() => frames.length === 2, "both came");
  assertEquals(frames.map(({ opcode }) => opcode), [2, 2]);
  assertThrows(() => new Topics().publish("x", message as never), TypeError, "Cannot send to many");
});

testWith("wrong messages and options are refused", async (join) => {
  const { socket } = await join();
  const topics = new Topics();
  for (const data of [1, null, {}, [], new Blob(["x"])]) {
    assertThrows(() => broadcast([socket], data as never), TypeError, "Cannot send to many");
    assertThrows(() => topics.publish("x", data as never), TypeError, "Cannot send to many");
  }
  assertThrows(() => broadcast([socket], "x", { slow: "wait" } as never), TypeError, '"slow"');
  assertThrows(() => broadcast([socket], "x", { excpt: socket } as never), TypeError, '"excpt"');
  assertThrows(() => broadcast([socket], "x", { filter: 1 } as never), TypeError, '"filter"');
  assertThrows(() => new Topics({ slow: "wait" } as never), TypeError, '"slow"');
  assertThrows(() => new Topics({ relay: {} } as never), TypeError, '"relay"');
  assertThrows(() => new Topics({ maxTopicLength: 0 }), RangeError, '"maxTopicLength"');
  assertThrows(() => new Topics({ maxTopicsPerSocket: "1" } as never), TypeError);
});

test("ten thousand connections that come and go leave nothing behind", async () => {
  const topics = new Topics();
  for (let round = 0; round < 100; round++) {
    const sockets = await Promise.all(
      Array.from({ length: 100 }, async () => (await acceptPeer()).socket),
    );
    sockets.forEach((socket, i) => {
      for (const topic of ["all", `room ${i % 10}`, `own ${round} ${i}`]) {
        topics.subscribe(socket, topic);
      }
    });
    assertEquals(topics.count("all"), 100);
    topics.publish("all", "hi");
    for (const socket of sockets) socket.terminate();
    await Promise.all(sockets.map((socket) => socket.closed));
    assertEquals([topics.size, topics.topicsOf(sockets[0]).length], [0, 0]);
  }
});

/** A broker in memory: everybody gets everything, also their own. */
function broker(): { relay(): TopicRelay; sent: RelayMessage[] } {
  const callbacks = new Set<(message: RelayMessage) => void>();
  const sent: RelayMessage[] = [];
  return {
    sent,
    relay: () => ({
      publish(message) {
        sent.push(message);
        for (const callback of callbacks) callback(message);
      },
      subscribe(callback) {
        callbacks.add(callback);
        return () => callbacks.delete(callback);
      },
    }),
  };
}

testWith(
  "a relay carries messages to other processes' subscribers, once, and never back",
  async (join) => {
    const { relay, sent } = broker();
    const here = new Topics({ relay: relay() });
    const there = new Topics({ relay: relay() });
    const [a, b] = [await join(), await join()];
    here.subscribe(a.socket, "x");
    there.subscribe(b.socket, "x");
    assertEquals(here.publish("x", "one"), { sent: 1, dropped: 0 });
    there.publish("x", "two");
    here.publish("y", "nobody's");
    await until(() => sentTo(a).length === 2 && sentTo(b).length === 2, "both got both");
    assertEquals([sentTo(a), sentTo(b)], [["one", "two"], ["one", "two"]]);
    assertEquals(sent.length, 3);
    there[Symbol.dispose]();
    here.publish("x", "three");
    await until(() => sentTo(a).length === 3, "the third came");
    assertEquals(sentTo(b).length, 2);
  },
);

testWith("a relay that fails or brings nonsense ends nothing", async (join) => {
  const errors: unknown[] = [];
  let bring: (message: RelayMessage) => void = () => {};
  const failing: TopicRelay = {
    publish: ({ topic }) => {
      if (topic === "throws") throw new Error("relay failed");
      return Promise.reject(new Error("relay rejected"));
    },
    subscribe: (callback) => void (bring = callback),
  };
  const topics = new Topics({ relay: failing, onError: (error) => errors.push(error) });
  const end = await join();
  topics.subscribe(end.socket, "throws");
  assertEquals(topics.publish("throws", "x").sent, 1);
  topics.publish("rejects", "x");
  await until(() => errors.length === 2, "both errors were told");
  for (const nonsense of [undefined, null, 1, {}, { topic: 1 }, { topic: "throws", data: 7 }]) {
    bring(nonsense as never);
  }
  assertEquals(errors.length, 8);
  assert(errors.every((error) => error instanceof Error));
  assertEquals(end.socket.readyState, 1);
});

testWith("a BroadcastChannel is a relay", async (join) => {
  const name = `topics ${Math.random()}`;
  using one = broadcastChannelRelay(name);
  using two = broadcastChannelRelay(name);
  using here = new Topics({ relay: one });
  using there = new Topics({ relay: two });
  const [a, b] = [await join(), await join()];
  here.subscribe(a.socket, "x");
  there.subscribe(b.socket, "x");
  here.publish("x", "text");
  here.publish("x", Uint8Array.of(0x62));
  await until(() => sentTo(b).length === 2, "both came");
  assertEquals([sentTo(a), sentTo(b)], [["text", "b"], ["text", "b"]]);
}, { skip: typeof BroadcastChannel === "undefined" && "this runtime has no BroadcastChannel" });
