/**
 * What the samples say, byte for byte: what pywebsocket's handlers of the same names say to the same
 * requests, unless a line tells otherwise.
 */
import { test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { encodeHex } from "@std/encoding";
import {
  clientFrame,
  clientText,
  head,
  RawPeer,
  requestLines,
} from "../../adapters/support/raw.ts";
import { join } from "../../support/bytes.ts";
import { sleep, until, within } from "../../adapters/support/waiting.ts";
import { makeFolder, startServe } from "./rig.ts";

/** A close frame with a code and a reason. */
function closing(code?: number, reason = ""): Uint8Array {
  const text = new TextEncoder().encode(reason);
  const payload = code === undefined ? [] : [code >> 8, code & 255, ...text];
  return clientFrame({ opcode: 8, payload: Uint8Array.from(payload) });
}

function binary(text: string): Uint8Array {
  return clientFrame({ opcode: 2, payload: new TextEncoder().encode(text) });
}

const hex = (text: string) => encodeHex(new TextEncoder().encode(text));
const NORMAL = "880203e8";
const OFFER = "Sec-WebSocket-Extensions: permessage-deflate";

const CASES: readonly {
  name: string;
  fields?: string[];
  /** What the client sends at once. */
  sends?: Uint8Array[];
  /** What it sends when all came. */
  then?: Uint8Array;
  /** All that the server sends after its head, in hexadecimal. */
  frames: string;
  /** And after `then`. */
  last?: string;
  /** What the server's head has, and what it has not. */
  head?: RegExp;
  lacks?: RegExp;
  /** How the log tells the end. */
  end: RegExp;
}[] = [
  {
    name: "echo",
    sends: [clientText("Hello"), binary("\0\x01"), clientText("Goodbye"), closing(1000)],
    frames: `8105${hex("Hello")}82020001` + `8107${hex("Goodbye")}${NORMAL}`,
    lacks: /sec-websocket-(extensions|protocol)/i,
    end: /101 1000 /,
  },
  {
    // pywebsocket answers any code with 1000; RFC 6455 §5.5.1 has it echoed.
    name: "echo",
    sends: [closing(4001, "bye")],
    frames: `88050fa1${hex("bye")}`,
    end: /101 4001 "bye" /,
  },
  { name: "echo", sends: [closing()], frames: "8800", end: /101 1005 / },
  {
    // pywebsocket says 1003; RFC 6455 §5.2 makes it a protocol error.
    name: "echo",
    sends: [clientFrame({ opcode: 1, rsv: 4, payload: "a" })],
    frames: `883903ea${hex("a frame has RSV1 set and no extension gave it a meaning")}`,
    end: /101 1002 /,
  },
  {
    // Its own client leaves without a word (1006) when it asked for compression and got none.
    name: "echo_noext",
    fields: [OFFER],
    sends: [clientText("Goodbye")],
    then: closing(1000),
    frames: `8107${hex("Goodbye")}${NORMAL}`,
    lacks: /extensions/i,
    end: /101 1000 /,
  },
  {
    name: "close",
    sends: [clientText("4001 busy now")],
    then: closing(4001),
    frames: `880a0fa1${hex("busy now")}`,
    end: /101 4001 /,
  },
  {
    // pywebsocket's handler fails without a reason.
    name: "close",
    sends: [clientText("1000")],
    then: closing(1000),
    frames: NORMAL,
    end: /101 1000 /,
  },
  {
    name: "close",
    sends: [closing(4001, "bye")],
    frames: `88050fa1${hex("bye")}`,
    end: /101 4001 "bye" /,
  },
  { name: "close", sends: [closing()], frames: "8800", end: /101 1005 / },
  { name: "abort", frames: "", end: /101 1006 \(WS_TERMINATED\)/ },
  {
    name: "bench",
    sends: [clientText("0.01 3 text")],
    then: closing(1000),
    frames: `8104${hex("text")}`.repeat(3) + NORMAL,
    end: /101 1000 /,
  },
  {
    name: "benchmark_helper",
    fields: [OFFER],
    sends: [
      ...[clientText("send 0"), binary("abc"), clientText("receive 5")],
      ...[clientText("send 1"), binary("aaaa")],
    ],
    frames: `8101${hex("3")}8205${hex("aaaaa")}8101${hex("4")}`,
    then: closing(1000),
    last: NORMAL,
    lacks: /extensions/i,
    end: /101 1000 /,
  },
  {
    name: "cookie?set",
    then: closing(1000),
    frames: NORMAL,
    head: /\r\nset-cookie: foo=bar; Max-Age=86400(\r\n|$)/i,
    end: /101 1000 /,
  },
  {
    name: "cookie?set_httponly",
    then: closing(1000),
    frames: NORMAL,
    head: /\r\nset-cookie: httpOnlyFoo=bar; Max-Age=86400; HttpOnly(\r\n|$)/i,
    end: /101 1000 /,
  },
  {
    name: "cookie?clear",
    then: closing(1000),
    frames: NORMAL,
    head: /\r\nset-cookie: foo=0; Max-Age=0\r\nset-cookie: httpOnlyFoo=0; Max-Age=0(\r\n|$)/i,
    end: /101 1000 /,
  },
  {
    // Without such a query pywebsocket's closes, and this one says which cookies came.
    name: "cookie?constructor",
    fields: ["Cookie: a=b"],
    then: closing(1000),
    frames: `8103${hex("a=b")}`,
    last: NORMAL,
    head: /\r\nset-cookie: fullduplex=\d+; /i,
    end: /101 1000 /,
  },
  {
    name: "hsts",
    then: closing(1000),
    frames: `8105${hex("Hello")}${NORMAL}`,
    head: /\r\nstrict-transport-security: max-age=86400(\r\n|$)/i,
    end: /101 1000 /,
  },
  {
    name: "internal_error",
    then: closing(1011),
    frames: `881403f3${hex("the handler failed")}`,
    end: /101 1011 /,
  },
];

for (
  const { name, fields = [], sends = [], frames, then, last = "", head: has, lacks, end } of CASES
) {
  test(`${name} says exactly ${frames || "nothing"}`, async () => {
    await using folder = await makeFolder();
    await using server = await startServe(folder.path);
    const peer = await RawPeer.connect(server.port);
    const host = `localhost:${server.port}`;
    peer.write(head([...requestLines(`/_samples/${name}`, host), ...fields]), ...sends);
    const answer = await peer.readHead();
    assertMatch(answer, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
    if (has !== undefined) assertMatch(answer, has);
    if (lacks !== undefined) assertEquals(lacks.exec(answer), null);
    if (then !== undefined) {
      await until(() => peer.size >= frames.length / 2, "frames");
      assertEquals(encodeHex(join(peer.chunks)), frames);
      peer.write(then);
    }
    await peer.readToEnd();
    assertEquals(encodeHex(join(peer.chunks)), frames + last);
    peer.destroy();
    await server.sees(new RegExp(`GET /_samples/${name.split("?")[0]} ${end.source}`));
  });
}

test("echo does not read who does not read", async () => {
  await using folder = await makeFolder();
  await using server = await startServe(folder.path);
  const peer = await RawPeer.connect(server.port);
  const host = `localhost:${server.port}`;
  peer.write(head(requestLines("/_samples/echo_noext", host)));
  await peer.readHead();
  peer.pause();
  const count = 1000;
  const message = clientFrame({ opcode: 2, payload: new Uint8Array(65_000) });
  let sent = 0;
  const flood = (async () => {
    for (; sent < count; sent++) {
      if (peer.socket.write(message)) continue;
      await new Promise<void>((resolve) => peer.socket.once("drain", resolve));
    }
  })();
  await sleep(700);
  assert(sent < count / 2, `${sent} messages were taken from a client that does not read`);
  peer.resume();
  await within(flood, "end of the flood");
  await until(() => peer.size >= count * 65_004, "every echo");
  peer.write(closing(1000));
  await peer.readToEnd();
  assertEquals(peer.size, count * 65_004 + 4);
  peer.destroy();
});
