/** Text over a socket, where a runtime's own encoder may stand in for the web's. */
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { connect } from "../../src/adapters/client.ts";
import { serve } from "../../src/adapters/serve.ts";
import { Inbox } from "./support/waiting.ts";

/** Texts on both sides of every form of length, in one, two, three and four bytes a character. */
function texts(): string[] {
  const found = ["\ud800", "a\udc00b", "\udc00\ud800", "\ufeffa", "\ufffd", "a\0b"];
  for (const character of ["a", "é", "€", "😀", "\ud800"]) {
    const bytes = new TextEncoder().encode(character).length;
    for (const size of [0, 1, 125, 126, 127, 16_383, 16_384, 21_840, 65_535, 65_536, 70_000]) {
      found.push(character.repeat(Math.floor(size / bytes)) + "a".repeat(size % bytes));
    }
  }
  return found;
}

test("a text comes as a TextEncoder encodes it, whatever its length and characters", async () => {
  const inbox = new Inbox<string | Uint8Array>();
  await using server = await serve({
    message: (socket, data) => {
      inbox.push(data);
      void socket.send(data);
    },
  }, { port: 0 });
  await using socket = await connect(server.url, { compression: false });
  const replies = socket[Symbol.asyncIterator]();
  for (const text of texts()) {
    const mended = new TextDecoder("utf-8", { ignoreBOM: true })
      .decode(new TextEncoder().encode(text));
    await socket.send(text);
    const { value } = await replies.next();
    const name = `${text.length} units, ${text.slice(0, 4)}`;
    assertEquals(value === mended, true, `reply to ${name}`);
    assertEquals(await inbox.next() === mended, true, name);
  }
});
