import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import {
  createClientHandshake,
  decideUpgrade,
  formatExtensions,
  type HeadKinds,
  HeadReader,
  type HeadResult,
  isToken,
  parseExtensions,
  parseTokenList,
  toUpgradeRequest,
  validateServerOptions,
  verifyResponse,
} from "../../src/handshake/mod.ts";
import { randomChunks } from "../support/chunks.ts";
import { Random } from "../support/random.ts";
import { ACCEPT, bytesOfText, KEY, textOfBytes } from "./helpers.ts";

const ROUNDS = 3000;

const REQUEST = "GET /chat?x HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n" +
  `Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n` +
  'Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: toy; x="1", y\r\n' +
  "Origin: http://example.com\r\nContent-Length: 0\r\n\r\n\x81\x80\0\0\0\0";

const RESPONSE = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n" +
  `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n` +
  "Sec-WebSocket-Protocol: b\r\nSec-WebSocket-Extensions: toy; x=1\r\n\r\n\x81\0";

const REFUSAL = "HTTP/1.0 401 Unauthorized\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\n\r\nno";

const FRAGMENTS = [
  "\r",
  "\n",
  "\r\n",
  "\r\n\r\n",
  " ",
  "\t",
  ":",
  ",",
  ";",
  "=",
  '"',
  "\\",
  "\0",
  "\x7f",
  "\xff",
  "Host: a\r\n",
  "Content-Length: 1\r\n",
  "Transfer-Encoding: chunked\r\n",
  "__proto__: x\r\n",
  "HTTP/1.1 103 X\r\n\r\n",
  "http://b",
  "%",
  "13",
];

/** Changes a text in one to four places: drop, double, replace, insert or change case. */
function mutate(text: string, random: Random): string {
  for (let edits = random.int(1, 4); edits > 0; edits--) {
    const at = random.int(0, text.length);
    const end = Math.min(text.length, at + random.int(0, random.oneIn(5) ? 40 : 2));
    const cut = text.slice(at, end);
    const insertion = random.pick([
      "",
      cut + cut,
      String.fromCharCode(random.int(0, 255)),
      random.pick(FRAGMENTS),
      cut + random.pick(FRAGMENTS),
      cut.toUpperCase(),
    ]);
    text = text.slice(0, at) + insertion + text.slice(end);
  }
  return text;
}

/** Feeds chunks and gives the result, with what came after it. */
function feed<K extends keyof HeadKinds>(
  kind: K,
  chunks: Uint8Array[],
  maxHeaderBytes: number,
): { result: HeadResult<HeadKinds[K]> | undefined; rest: string } {
  const reader = new HeadReader(kind, { maxHeaderBytes });
  for (const [index, chunk] of chunks.entries()) {
    const result = reader.push(chunk);
    if (result === undefined) continue;
    const rest = "head" in result ? [result.rest, ...chunks.slice(index + 1)] : [];
    return { result, rest: rest.map(textOfBytes).join("") };
  }
  return { result: undefined, rest: "" };
}

/** A result as data that can be compared. */
function dataOf(result: HeadResult<object> | undefined): unknown {
  if (result === undefined || "fault" in result) return result;
  return Object.entries(result.head).map(([name, value]) => [
    name,
    value instanceof Headers ? [...value] : value,
  ]);
}

/** Runs a property with many seeds and names the seed that fails. */
async function forSeeds(run: (random: Random) => Promise<void> | void): Promise<void> {
  for (let seed = 1; seed <= ROUNDS; seed++) {
    try {
      await run(new Random(seed));
    } catch (cause) {
      throw new Error(`failed with seed ${seed}: ${cause}`, { cause });
    }
  }
}

/** Reads a mutated text whole and cut up, which must come to the same. */
function readBothWays<K extends keyof HeadKinds>(kind: K, valid: string, random: Random) {
  const bytes = bytesOfText(mutate(valid, random));
  const limit = random.oneIn(5) ? random.int(1, bytes.length) : 16384;
  const whole = feed(kind, [bytes], limit);
  const { name, chunks } = randomChunks(bytes, random);
  const cut = feed(kind, chunks, limit);
  assertEquals(dataOf(cut.result), dataOf(whole.result), name);
  assertEquals(cut.rest, whole.rest, name);
  return whole.result;
}

test("mutated requests never throw and come to the same however they are cut", async () => {
  const policy = validateServerOptions({
    protocols: ["b"],
    origins: "same-origin",
    verify: ({ url }) => void new URL(url),
    extensions: [{
      name: "toy",
      accept: ([response]) => ({ response, extension: response.params.length }),
    }],
  });
  const statuses = new Map<number, number>();
  await forSeeds(async (random) => {
    const result = readBothWays("request", REQUEST, random);
    let status = 0;
    if (result !== undefined && "fault" in result) status = result.fault.status;
    else if (result !== undefined) {
      const decision = await decideUpgrade(toUpgradeRequest(result.head, false), policy);
      status = decision.accepted ? 101 : decision.response.status;
    }
    assert([0, 101, 400, 403, 405, 426, 431, 505].includes(status), `status ${status}`);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  });
  // The mutations must reach both ends: some requests survive them, and most do not.
  for (const status of [0, 101, 400, 426, 431]) assert(statuses.has(status), `no ${status}`);
});

test("mutated responses never throw and come to the same however they are cut", async () => {
  const handshake = {
    ...createClientHandshake({
      url: "ws://example.com/",
      protocols: ["a", "b"],
      extensions: [{
        name: "toy",
        offers: () => [{ name: "toy", params: [] }],
        accept: ({ params }) => params.length > 1 ? null : { extension: params.length },
      }],
    }),
    key: KEY,
  };
  const codes = new Set<string>();
  await forSeeds(async (random) => {
    const result = readBothWays("response", random.oneIn(5) ? REFUSAL : RESPONSE, random);
    if (result === undefined) return;
    if ("fault" in result) return void codes.add(result.fault.code);
    const verdict = await verifyResponse(handshake, result.head);
    codes.add(verdict.ok ? "" : verdict.error.code);
  });
  assertEquals([...codes].sort(), [
    "",
    "WS_HANDSHAKE_INVALID",
    "WS_HANDSHAKE_MALFORMED",
    "WS_HANDSHAKE_REFUSED",
    "WS_HANDSHAKE_TOO_LARGE",
  ]);
});

test("random bytes are never a head", async () => {
  await forSeeds((random) => {
    const { chunks } = randomChunks(random.bytes(200), random);
    for (const kind of ["request", "response"] as const) {
      const { result } = feed(kind, chunks, 100);
      assert(result !== undefined && "fault" in result);
    }
  });
});

test("random lists are read without a throw, and what is read can be written again", async () => {
  const alphabet = [...'ab;;,,== "\\\t\x80'];
  let read = 0;
  await forSeeds((random) => {
    const length = random.int(0, 20);
    const text = Array.from({ length }, () => random.pick(alphabet)).join("");
    const tokens = parseTokenList(text);
    if (tokens !== null) {
      assert(tokens.every(isToken), text);
      assertEquals(parseTokenList(tokens.join(", ")), tokens);
    }
    const extensions = parseExtensions(text);
    if (extensions !== null) {
      read++;
      assertEquals(parseExtensions(formatExtensions(extensions)), extensions);
    }
  });
  assert(read > ROUNDS / 100, `only ${read} lists were well-formed`);
});
