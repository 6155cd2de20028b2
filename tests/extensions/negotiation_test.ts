import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import {
  clientDeflate,
  type DeflateAgreement,
  type DeflatePolicy,
  serverDeflate,
} from "../../src/extensions/mod.ts";
import { formatExtensions, parseExtensions } from "../../src/handshake/mod.ts";
import { idleCodec, policy } from "./support.ts";

const zlib = idleCodec(9);
const web = idleCodec(15);
const TAKEOVER = policy({ ownTakeover: true, peerTakeover: true });

/** What a server answers to offers: the element, or `null`. */
function answer(offers: string, wants: Partial<DeflatePolicy> = {}, codec = zlib): string | null {
  const accepted = serverDeflate({ ...TAKEOVER, ...wants }, codec).accept(parseExtensions(offers)!);
  return accepted && formatExtensions([accepted.response]);
}

/** What a server keeps to after an offer. */
function agreed(offer: string, wants: Partial<DeflatePolicy> = {}): DeflateAgreement {
  const accepted = serverDeflate({ ...TAKEOVER, ...wants }, zlib).accept(parseExtensions(offer)!);
  return accepted!.extension.agreement;
}

/** What a client offers. */
function offer(wants: Partial<DeflatePolicy> = {}, codec = zlib): string {
  return formatExtensions(clientDeflate({ ...TAKEOVER, ...wants }, codec).offers());
}

/** What a client makes of a response: `null` fails the handshake. */
function taken(
  response: string,
  wants: Partial<DeflatePolicy> = {},
  codec = zlib,
): DeflateAgreement | null {
  const [element] = parseExtensions(response)!;
  const accepted = clientDeflate({ ...TAKEOVER, ...wants }, codec).accept(element);
  return accepted && accepted.extension.agreement;
}

const PMD = "permessage-deflate";

test("a server that wants nothing accepts a bare offer with a bare response", () => {
  assertEquals(answer(PMD), PMD);
});

test("a server without takeover says so for both sides, whatever was offered", () => {
  const none = { ownTakeover: false, peerTakeover: false };
  const both = `${PMD}; server_no_context_takeover; client_no_context_takeover`;
  assertEquals(answer(PMD, none), both);
  assertEquals(answer(both, none), both);
  assertEquals(agreed(PMD, none).ownTakeover, false);
  assertEquals(agreed(PMD, none).peerTakeover, false);
});

test("a server does without takeover where the client asks for that", () => {
  assertEquals(
    answer(`${PMD}; server_no_context_takeover`),
    `${PMD}; server_no_context_takeover`,
  );
  assertEquals(
    answer(`${PMD}; client_no_context_takeover`),
    `${PMD}; client_no_context_takeover`,
  );
  assertEquals(agreed(`${PMD}; server_no_context_takeover`).ownTakeover, false);
  assertEquals(agreed(`${PMD}; server_no_context_takeover`).peerTakeover, true);
});

for (let bits = 8; bits <= 15; bits++) {
  test(`a server honours server_max_window_bits=${bits}, or declines what zlib cannot keep`, () => {
    const text = `${PMD}; server_max_window_bits=${bits}`;
    assertEquals(answer(text), bits === 8 ? null : text);
    if (bits > 8) assertEquals(agreed(text).ownWindowBits, bits);
    assertEquals(answer(text, {}, web), bits === 15 ? text : null);
  });

  test(`a server asks a client that lets it for a window of ${bits} bits`, () => {
    const wants = { peerWindowBits: bits };
    const asked = bits === 15 ? PMD : `${PMD}; client_max_window_bits=${bits}`;
    assertEquals(answer(`${PMD}; client_max_window_bits`, wants), asked);
    assertEquals(answer(`${PMD}; client_max_window_bits=15`, wants), asked);
    assertEquals(agreed(`${PMD}; client_max_window_bits`, wants).peerWindowBits, bits);
    // RFC 7692 §7.1.2.2: a client that did not offer it must not be asked.
    assertEquals(answer(PMD, wants), PMD);
    assertEquals(agreed(PMD, wants).peerWindowBits, 15);
  });

  test(`a server keeps to the smaller of two windows, ${bits} bits offered`, () => {
    const text = `${PMD}; client_max_window_bits=${bits}`;
    assertEquals(agreed(text, { peerWindowBits: 10 }).peerWindowBits, Math.min(bits, 10));
    if (bits === 8) return;
    const own = `${PMD}; server_max_window_bits=${bits}`;
    assertEquals(agreed(own, { ownWindowBits: 11 }).ownWindowBits, Math.min(bits, 11));
  });
}

test("a server that wants a small window says so although nobody asked", () => {
  assertEquals(answer(PMD, { ownWindowBits: 12 }), `${PMD}; server_max_window_bits=12`);
});

const BAD_OFFERS = [
  "server_max_window_bits=1000",
  "server_max_window_bits=16",
  "server_max_window_bits=7",
  "server_max_window_bits=0",
  "server_max_window_bits=08",
  "server_max_window_bits=+9",
  "server_max_window_bits=9.0",
  "server_max_window_bits=a",
  "server_max_window_bits",
  "client_max_window_bits=1000",
  "client_max_window_bits=16",
  "client_max_window_bits=7",
  "client_max_window_bits=08",
  "client_max_window_bits=015",
  "server_no_context_takeover=1",
  "server_no_context_takeover=true",
  "client_no_context_takeover=0",
  "server_max_window_bits=10; server_max_window_bits=10",
  "client_max_window_bits; client_max_window_bits",
  "client_max_window_bits=10; client_max_window_bits",
  "server_no_context_takeover; server_no_context_takeover",
  "client_no_context_takeover; client_no_context_takeover",
  "Server_No_Context_Takeover",
  "mode",
  "toString",
  "__proto__=1",
];

for (const bad of BAD_OFFERS) {
  test(`a server declines an offer with ${bad}, and takes the next one`, () => {
    assertEquals(answer(`${PMD}; ${bad}`), null);
    assertEquals(
      answer(`${PMD}; ${bad}, ${PMD}; server_max_window_bits=10`), //
      `${PMD}; server_max_window_bits=10`,
    );
  });

  test(`a response with ${bad} is fatal to a client`, () => {
    assertEquals(taken(`${PMD}; ${bad}`), null);
  });
}

test("a server takes the first offer that it can keep, in the client's order", () => {
  const offers = [8, 9, 10].map((bits) => `${PMD}; server_max_window_bits=${bits}`).join(", ");
  assertEquals(answer(offers), `${PMD}; server_max_window_bits=9`);
});

test("a quoted value counts as the value", () => {
  assertEquals(answer(`${PMD}; server_max_window_bits="10"`), `${PMD}; server_max_window_bits=10`);
});

test("a client offers what it wants, and that its window may be limited", () => {
  assertEquals(offer(), `${PMD}; client_max_window_bits`);
  assertEquals(
    offer({ ownTakeover: false, peerTakeover: false }),
    `${PMD}; server_no_context_takeover; client_no_context_takeover; client_max_window_bits`,
  );
});

test("a client that wants small windows also offers what any server can have", () => {
  assertEquals(
    offer({ ownWindowBits: 12, peerWindowBits: 10, peerTakeover: false }),
    `${PMD}; server_no_context_takeover; server_max_window_bits=10; client_max_window_bits=12, ` +
      `${PMD}; client_max_window_bits`,
  );
  assertEquals(taken(PMD, { ownWindowBits: 12, peerWindowBits: 10, peerTakeover: false }), {
    ownTakeover: true,
    peerTakeover: true,
    ownWindowBits: 12,
    peerWindowBits: 15,
    canDeflate: true,
  });
});

test("a client whose codec has one window only does not let it be limited", () => {
  assertEquals(offer({}, web), PMD);
  assertEquals(taken(`${PMD}; client_max_window_bits=15`, {}, web), null);
});

test("a client takes a bare response, and keeps its context", () => {
  assertEquals(taken(PMD), {
    ownTakeover: true,
    peerTakeover: true,
    ownWindowBits: 15,
    peerWindowBits: 15,
    canDeflate: true,
  });
});

test("a client that said it keeps no context keeps none, whatever the response says", () => {
  assertEquals(taken(PMD, { ownTakeover: false })!.ownTakeover, false);
});

test("a client does as the response says", () => {
  const both = `${PMD}; server_no_context_takeover; client_no_context_takeover`;
  const agreement = taken(`${both}; server_max_window_bits=11; client_max_window_bits=10`)!;
  assertEquals(agreement, {
    ownTakeover: false,
    peerTakeover: false,
    ownWindowBits: 10,
    peerWindowBits: 11,
    canDeflate: true,
  });
});

test("a client told to use a window of 8 bits, which zlib cannot, sends uncompressed", () => {
  const agreement = taken(`${PMD}; client_max_window_bits=8`)!;
  assertEquals(agreement.canDeflate, false);
  const [element] = parseExtensions(`${PMD}; client_max_window_bits=8`)!;
  const { extension } = clientDeflate(TAKEOVER, zlib).accept(element)!;
  assertEquals(extension.wants(1e6, undefined), false);
  assertEquals(extension.wants(1e6, true), false);
});

test("client_max_window_bits without a value has no place in a response", () => {
  assertEquals(taken(`${PMD}; client_max_window_bits`), null);
});

test("what the two sides agree on is the same, for every pair of policies", () => {
  const choices: Partial<DeflatePolicy>[] = [];
  for (const ownTakeover of [false, true]) {
    for (const peerTakeover of [false, true]) {
      for (const ownWindowBits of [9, 12, 15]) {
        for (const peerWindowBits of [9, 11, 15]) {
          choices.push({ ownTakeover, peerTakeover, ownWindowBits, peerWindowBits });
        }
      }
    }
  }
  for (const server of choices) {
    for (const client of choices) {
      const text = offer(client);
      const response = answer(text, server)!;
      const ours = agreed(text, server);
      const theirs = taken(response, client)!;
      assertEquals(theirs.ownTakeover, ours.peerTakeover, response);
      assertEquals(theirs.peerTakeover, ours.ownTakeover, response);
      assertEquals(theirs.ownWindowBits, ours.peerWindowBits, response);
      assertEquals(theirs.peerWindowBits, ours.ownWindowBits, response);
      assert(ours.ownWindowBits <= server.ownWindowBits!);
      assert(ours.ownWindowBits <= client.peerWindowBits!);
    }
  }
});

test("the threshold decides unless the caller does", () => {
  const [element] = parseExtensions(PMD)!;
  const { extension } = clientDeflate(TAKEOVER, zlib).accept(element)!;
  assertEquals([1023, 1024, Infinity].map((n) => extension.wants(n, undefined)), [
    false,
    true,
    true,
  ]);
  assertEquals([0, 1e6].map((n) => extension.wants(n, false)), [false, false]);
  assertEquals([0, 1e6].map((n) => extension.wants(n, true)), [true, true]);
});
