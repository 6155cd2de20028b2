import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { WebSocketConnection } from "../../src/api/connection.ts";
import { ChatRoom, type Patience } from "../../src/cli/chat.ts";
import { PATIENCE } from "../support/patience.ts";

/** A member who has as much to read as the test says. */
class Member {
  heard: unknown[] = [];
  bufferedAmount = 0;
  closedWith: unknown[] | undefined;
  leave!: () => void;
  readonly closed: Promise<void> = new Promise((resolve) => this.leave = resolve);

  trySend(message: unknown): boolean {
    this.heard.push(message);
    return true;
  }
  close(...args: unknown[]): void {
    this.closedWith = args;
  }
}

const MUCH = 1024 * 1024;

function room(members: Member[], patience: Partial<Patience> = {}): ChatRoom {
  const room = new ChatRoom({ holdMs: 20, dropMs: 60_000, ...patience });
  for (const member of members) room.join(member as unknown as WebSocketConnection);
  return room;
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

test("everyone hears everyone, text with the name and bytes as they are", async () => {
  const ann = new Member(), bob = new Member();
  const chat = room([ann, bob]);
  await chat.say("hello");
  await chat.say("hi", "bob");
  await chat.say(new Uint8Array([1]), "bob");
  const heard = ["hello", "bob: hi", new Uint8Array([1])];
  assertEquals(ann.heard, heard);
  assertEquals(bob.heard, heard);
});

test("a member who catches up in time hears everything", async () => {
  const late = new Member(), other = new Member();
  const chat = room([late, other], { holdMs: 10_000 });
  late.bufferedAmount = MUCH;
  const said = [chat.say("1"), chat.say("2")];
  await wait(20);
  assertEquals([late.heard, other.heard], [[], []]);
  late.bufferedAmount = 0;
  await Promise.all(said);
  assertEquals([late.heard, other.heard], [["1", "2"], ["1", "2"]]);
});

test("a member who stays behind is waited for once, and misses messages", async () => {
  const slow = new Member(), other = new Member();
  const chat = room([slow, other], { holdMs: 50 });
  slow.bufferedAmount = MUCH;
  await chat.say("1");
  const started = performance.now();
  for (let i = 2; i <= 50; i++) await chat.say(String(i));
  assert(performance.now() - started < 1000 * PATIENCE, "nobody waits again");
  slow.bufferedAmount = 0;
  await chat.say("51");
  assertEquals(slow.heard, ["51"]);
  assertEquals(other.heard.length, 51);
  assertEquals(slow.closedWith, undefined);
});

test("a member who does not catch up is dropped with 1008", async () => {
  const slow = new Member(), other = new Member();
  const chat = room([slow, other], { dropMs: 60 });
  slow.bufferedAmount = MUCH;
  await chat.say("1");
  assertEquals(slow.closedWith, undefined);
  await wait(80);
  await chat.say("2");
  assertEquals(slow.closedWith, [1008, "too slow for this room"]);
  assertEquals([chat.size, other.closedWith], [1, undefined]);
});

test("who has caught up in between counts anew", async () => {
  const slow = new Member();
  const chat = room([slow], { dropMs: 60 });
  slow.bufferedAmount = MUCH;
  await chat.say("1");
  slow.bufferedAmount = 0;
  await chat.say("2");
  await wait(80);
  slow.bufferedAmount = MUCH;
  await chat.say("3");
  assertEquals([slow.heard, slow.closedWith], [["2"], undefined]);
});

test("a member whose connection ended is out", async () => {
  const ann = new Member(), bob = new Member();
  const chat = room([ann, bob]);
  ann.leave();
  await ann.closed;
  await chat.say("anyone?");
  assertEquals([ann.heard, bob.heard, chat.size], [[], ["anyone?"], 1]);
});
