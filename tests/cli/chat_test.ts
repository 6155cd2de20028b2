import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { WebSocketConnection } from "../../src/api/connection.ts";
import { ChatRoom } from "../../src/cli/chat.ts";

/** A member whose buffer is full whenever the test says so. */
class Member {
  heard: unknown[] = [];
  full = false;
  closedWith: unknown[] | undefined;
  leave!: () => void;
  readonly closed: Promise<void> = new Promise((resolve) => this.leave = resolve);

  trySend(message: unknown): boolean {
    if (!this.full) this.heard.push(message);
    return !this.full;
  }
  close(...args: unknown[]): void {
    this.closedWith = args;
  }
  get socket(): WebSocketConnection {
    return this as unknown as WebSocketConnection;
  }
}

function room(patienceMs: number, ...members: Member[]): ChatRoom {
  const room = new ChatRoom(patienceMs);
  for (const member of members) room.join(member.socket);
  return room;
}

test("everyone hears everyone, text with the name and bytes as they are", () => {
  const ann = new Member(), bob = new Member();
  const chat = room(1000, ann, bob);
  chat.say("hello");
  chat.say("hi", "bob");
  chat.say(new Uint8Array([1]), "bob");
  const heard = ["hello", "bob: hi", new Uint8Array([1])];
  assertEquals(ann.heard, heard);
  assertEquals(bob.heard, heard);
});

test("a member whose buffer is full misses messages but stays", () => {
  const slow = new Member(), other = new Member();
  const chat = room(60_000, slow, other);
  slow.full = true;
  chat.say("1");
  chat.say("2");
  slow.full = false;
  chat.say("3");
  assertEquals(slow.heard, ["3"]);
  assertEquals(other.heard, ["1", "2", "3"]);
  assertEquals(slow.closedWith, undefined);
});

test("a member whose buffer stays full is dropped with 1008", async () => {
  const slow = new Member(), other = new Member();
  const chat = room(20, slow, other);
  slow.full = true;
  chat.say("1");
  await new Promise((resolve) => setTimeout(resolve, 40));
  assertEquals(slow.closedWith, undefined);
  chat.say("2");
  assertEquals(slow.closedWith, [1008, "too slow for this room"]);
  assertEquals(chat.size, 1);
  assertEquals(other.closedWith, undefined);
});

test("a buffer that was emptied in between counts anew", async () => {
  const slow = new Member();
  const chat = room(20, slow);
  slow.full = true;
  chat.say("1");
  slow.full = false;
  chat.say("2");
  await new Promise((resolve) => setTimeout(resolve, 40));
  slow.full = true;
  chat.say("3");
  assertEquals(slow.closedWith, undefined);
});

test("a member whose connection ended is out", async () => {
  const ann = new Member(), bob = new Member();
  const chat = room(1000, ann, bob);
  ann.leave();
  await ann.closed;
  chat.say("anyone?");
  assertEquals([ann.heard, bob.heard, chat.size], [[], ["anyone?"], 1]);
});
