/**
 * The cases of the conformance suite: what a raw peer sends, and what must come back from a side
 * that echoes every message. The numbers are those of the topics in the usual protocol suites.
 * @module
 */

import type { ConnectionOptions } from "../../src/api/options.ts";
import { hex } from "../support/bytes.ts";
import type { WireFrame } from "../support/wire.ts";
import type { ConformanceFlags } from "./suite.ts";

/** One thing that happens in a case. */
export type Step =
  /** The peer sends a frame, or raw bytes. */
  | { send: WireFrame | Uint8Array }
  /** The side under test sends this frame. */
  | { expect: WireFrame }
  /** The side under test fails the connection with this close code; the case ends. */
  | { fails: number }
  /** The side under test answers the peer's close with this code; the case ends. */
  | { closes: number };

/** One case. */
export interface ConformanceCase {
  id: string;
  name: string;
  /** A flag without which the case makes no sense. */
  needs?: keyof ConformanceFlags;
  /** `false`: too large to go byte by byte. */
  chopped?: boolean;
  options?: ConnectionOptions;
  /** @param toServer Whether the side under test is a server. */
  steps(toServer: boolean): Step[];
}

const CONT = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;

const send = (frame: WireFrame | Uint8Array): Step => ({ send: frame });
const expect = (frame: WireFrame): Step => ({ expect: frame });
const echoed = (frame: WireFrame): Step[] => [send(frame), expect(frame)];
const text = (payload: string | Uint8Array, more: Partial<WireFrame> = {}): WireFrame => ({
  opcode: TEXT,
  payload,
  ...more,
});
const cont = (payload: string | Uint8Array, fin = true): WireFrame => ({
  opcode: CONT,
  payload,
  fin,
});
const close = (code: number, reason: string | Uint8Array = ""): WireFrame => {
  const bytes = typeof reason === "string" ? new TextEncoder().encode(reason) : reason;
  const payload = new Uint8Array(2 + bytes.length);
  payload.set([code >>> 8, code & 255]);
  payload.set(bytes, 2);
  return { opcode: CLOSE, payload };
};

/** Cuts a payload into a message of fragments. */
function fragments(opcode: number, payload: Uint8Array, size: number): WireFrame[] {
  const frames: WireFrame[] = [];
  for (let at = 0; at < payload.length || at === 0; at += size) {
    frames.push({
      opcode: at === 0 ? opcode : CONT,
      payload: payload.slice(at, at + size),
      fin: at + size >= payload.length,
    });
  }
  return frames;
}

function pattern(length: number): Uint8Array {
  return new Uint8Array(length).map((_, i) => i * 31);
}

const CASES_1 = [0, 1, 125, 126, 127, 128, 65535, 65536].flatMap((size): ConformanceCase[] => [
  {
    id: "1.1",
    name: `a text message of ${size} bytes`,
    chopped: size < 1000,
    steps: () => echoed(text("*".repeat(size))),
  },
  {
    id: "1.2",
    name: `a binary message of ${size} bytes`,
    chopped: size < 1000,
    steps: () => echoed({ opcode: BINARY, payload: pattern(size) }),
  },
]);

const PAYLOAD_125 = "\u00fe".repeat(62) + "x";

const CASES_2: ConformanceCase[] = [
  {
    id: "2.1",
    name: "a ping without payload",
    steps: () => [send({ opcode: PING }), expect({ opcode: PONG })],
  },
  {
    id: "2.2",
    name: "a ping with text",
    steps: () => [
      send({ opcode: PING, payload: "Hello" }),
      expect({
        opcode: PONG,
        payload: "Hello",
      }),
    ],
  },
  {
    id: "2.3",
    name: "a ping with bytes that are not text",
    steps: () => [
      send({ opcode: PING, payload: hex("00 ff fe fd fc fb 00 ff") }),
      expect({ opcode: PONG, payload: hex("00 ff fe fd fc fb 00 ff") }),
    ],
  },
  {
    id: "2.4",
    name: "a ping of 125 bytes",
    steps: () => [
      send({ opcode: PING, payload: PAYLOAD_125 }),
      expect({
        opcode: PONG,
        payload: PAYLOAD_125,
      }),
    ],
  },
  {
    id: "2.5",
    name: "a ping of 126 bytes",
    steps: () => [send({ opcode: PING, payload: pattern(126) }), { fails: 1002 }],
  },
  {
    id: "2.7",
    name: "a pong that nobody asked for",
    steps: () => [send({ opcode: PONG }), send({ opcode: PONG, payload: "unasked" })],
  },
  {
    id: "2.9",
    name: "a pong and a ping",
    steps: () => [
      send({ opcode: PONG, payload: "unasked" }),
      send({ opcode: PING, payload: "asked" }),
      expect({ opcode: PONG, payload: "asked" }),
    ],
  },
  {
    id: "2.10",
    name: "ten pings, each answered by the time the next comes",
    steps: () =>
      [..."0123456789"].flatMap((payload) => [
        send({ opcode: PING, payload }),
        expect({ opcode: PONG, payload }),
      ]),
  },
];

const CASES_3: ConformanceCase[] = [1, 2, 3, 4, 5, 6, 7].flatMap((rsv) => [
  {
    id: `3.${rsv}`,
    name: `a text message with RSV bits ${rsv} after a good one`,
    steps: () => [...echoed(text("good")), send(text("bad", { rsv })), { fails: 1002 }],
  },
  {
    id: `3.${rsv}`,
    name: `a ping with RSV bits ${rsv}`,
    steps: () => [send({ opcode: PING, rsv }), { fails: 1002 }],
  },
]).concat([
  {
    id: "3.8",
    name: "a close with RSV bits",
    steps: () => [send({ ...close(1000), rsv: 7 }), { fails: 1002 }],
  },
  {
    id: "3.9",
    name: "a continuation with RSV1",
    steps: () => [send(text("a", { fin: false })), send({ ...cont("b"), rsv: 4 }), { fails: 1002 }],
  },
]);

const CASES_4 = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode): ConformanceCase[] => [
  {
    id: "4",
    name: `opcode ${opcode} without payload`,
    steps: () => [send({ opcode }), { fails: 1002 }],
  },
  {
    id: "4",
    name: `opcode ${opcode} with payload after a good message`,
    steps: () => [...echoed(text("good")), send({ opcode, payload: "bad" }), { fails: 1002 }],
  },
]);

const CASES_5: ConformanceCase[] = [
  {
    id: "5.1",
    name: "a ping in two fragments",
    steps: () => [send({ opcode: PING, fin: false, payload: "a" }), { fails: 1002 }],
  },
  {
    id: "5.2",
    name: "a pong in two fragments",
    steps: () => [send({ opcode: PONG, fin: false, payload: "a" }), { fails: 1002 }],
  },
  {
    id: "5.3",
    name: "a text in two fragments",
    steps: () => [send(text("frag", { fin: false })), send(cont("ment")), expect(text("fragment"))],
  },
  {
    id: "5.6",
    name: "a text in fragments with pings between them",
    steps: () => [
      send(text("one ", { fin: false })),
      send({ opcode: PING, payload: "1" }),
      expect({ opcode: PONG, payload: "1" }),
      send(cont("two ", false)),
      send({ opcode: PING, payload: "2" }),
      expect({ opcode: PONG, payload: "2" }),
      send({ opcode: PONG }),
      send(cont("three")),
      expect(text("one two three")),
    ],
  },
  {
    id: "5.7",
    name: "a text of three empty fragments",
    steps: () => [
      send(text("", { fin: false })),
      send(cont("", false)),
      send(cont("")),
      expect(text("")),
    ],
  },
  {
    id: "5.8",
    name: "a text with empty fragments around the one that is not",
    steps: () => [
      send(text("", { fin: false })),
      send(cont("middle", false)),
      send(cont("")),
      expect(text("middle")),
    ],
  },
  ...[true, false].flatMap((fin): ConformanceCase[] => [
    {
      id: "5.9",
      name: `a continuation of nothing, fin ${fin}`,
      steps: () => [send(cont("nothing", fin)), { fails: 1002 }],
    },
    {
      id: "5.12",
      name: `a continuation of nothing after a good message, fin ${fin}`,
      steps: () => [...echoed(text("good")), send(cont("nothing", fin)), { fails: 1002 }],
    },
  ]),
  ...[TEXT, BINARY].map((opcode): ConformanceCase => ({
    id: "5.15",
    name: `a message with opcode ${opcode} inside a fragmented one`,
    steps: () => [
      send(text("begun", { fin: false })),
      send({ opcode, payload: "other" }),
      { fails: 1002 },
    ],
  })),
];

const KOSME = hex("ce ba e1 bd b9 cf 83 ce bc ce b5");

/** Well-formed: first and last of each length, neighbours of the surrogates, noncharacters. */
const GOOD_TEXTS: [name: string, bytes: string][] = [
  ["a Greek word", "ceba e1bdb9 cf83 cebc ceb5"],
  ["U+0000", "00"],
  ["U+007F", "7f"],
  ["U+0080", "c280"],
  ["U+07FF", "dfbf"],
  ["U+0800", "e0a080"],
  ["U+D7FF", "ed9fbf"],
  ["U+E000", "ee8080"],
  ["U+FFFD", "efbfbd"],
  ["U+FFFE", "efbfbe"],
  ["U+FFFF", "efbfbf"],
  ["U+FEFF first", "efbbbf 61"],
  ["U+10000", "f0908080"],
  ["U+1FFFE", "f09fbfbe"],
  ["U+10FFFF", "f48fbfbf"],
];

/** Ill-formed: `at` bytes tell that no more can come of it; 0 when only the end tells. */
const BAD_TEXTS: [name: string, bytes: string, at: number][] = [
  ["a lone continuation byte 80", "80", 1],
  ["a lone continuation byte BF", "bf", 1],
  [
    "all 64 continuation bytes",
    Array.from({ length: 64 }, (_, i) => (128 + i).toString(16)).join(""),
    1,
  ],
  ["two-byte leads with blanks", "c320 c420", 2],
  ["a three-byte lead with a blank", "e120", 2],
  ["a four-byte lead with a blank", "f120", 2],
  ["a five-byte lead", "f888808080", 1],
  ["a six-byte lead", "fc8480808080", 1],
  ["FE and FF", "fefeffff", 1],
  ["an overlong slash of two bytes", "c0af", 1],
  ["an overlong slash of three bytes", "e080af", 2],
  ["an overlong slash of four bytes", "f08080af", 2],
  ["the last overlong of two bytes", "c1bf", 1],
  ["the last overlong of three bytes", "e09fbf", 2],
  ["the last overlong of four bytes", "f08fbfbf", 2],
  ["an overlong NUL", "c080", 1],
  ["U+D800", "eda080", 2],
  ["U+DBFF", "edafbf", 2],
  ["U+DC00", "edb080", 2],
  ["U+DFFF", "edbfbf", 2],
  ["a surrogate pair", "eda080 edb080", 2],
  ["U+110000", "f4908080", 2],
  ["a word, U+110000 and more", "ceba e1bdb9 f4908080 656469746564", 7],
  ["a character of two bytes cut short", "c3", 0],
  ["a character of three bytes cut short", "e282", 0],
  ["a character of four bytes cut short", "f09f98", 0],
];

const CASES_6: ConformanceCase[] = [
  ...GOOD_TEXTS.flatMap(([name, bytes]): ConformanceCase[] => [
    { id: "6.2", name: `the text ${name} in one frame`, steps: () => echoed(text(hex(bytes))) },
    {
      id: "6.2",
      name: `the text ${name} in fragments of a byte`,
      steps: () => [...fragments(TEXT, hex(bytes), 1).map(send), expect(text(hex(bytes)))],
    },
  ]),
  ...BAD_TEXTS.flatMap(([name, bytes, at]): ConformanceCase[] => [
    {
      id: "6.3",
      name: `${name} in one frame`,
      steps: () => [send(text(hex(bytes))), { fails: 1007 }],
    },
    {
      id: "6.3",
      name: `${name} in fragments of a byte`,
      steps: () => [...fragments(TEXT, hex(bytes), 1).map(send), { fails: 1007 }],
    },
    ...(at === 0 ? [] : [
      {
        id: "6.4",
        name: `${name}, and nothing behind its first impossible byte`,
        needs: "failFast" as const,
        steps: () => [
          send(text(KOSME, { fin: false })),
          send(cont(hex(bytes).slice(0, at), false)),
          { fails: 1007 },
        ],
      },
      {
        id: "6.4",
        name: `${name}, and nothing behind its first impossible byte inside a frame`,
        needs: "failFast" as const,
        steps: (toServer: boolean) => [
          send(unfinished(hex(bytes).slice(0, at), 100, toServer)),
          { fails: 1007 },
        ],
      },
    ]),
  ]),
  {
    id: "6.1",
    name: "a character split over fragments with a ping inside it",
    steps: () => [
      send(text(hex("f09f"), { fin: false })),
      send({ opcode: PING, payload: hex("ff") }),
      expect({ opcode: PONG, payload: hex("ff") }),
      send(cont(hex("9880"))),
      expect(text("😀")),
    ],
  },
];

/** A text frame that claims `length` bytes, of which only the first ones come. */
function unfinished(start: Uint8Array, length: number, masked: boolean): Uint8Array {
  const key = masked ? [0, 0, 0, 0] : []; // a key of zeros leaves bytes as they are
  return Uint8Array.from([0x81, (masked ? 128 : 0) + length, ...key, ...start]);
}

const CASES_7: ConformanceCase[] = [
  {
    id: "7.1.1",
    name: "a message and a close",
    steps: () => [...echoed(text("hi")), send(close(1000)), { closes: 1000 }],
  },
  {
    id: "7.1.2",
    name: "two closes",
    steps: () => [send(close(1000)), send(close(1001)), { closes: 1000 }],
  },
  {
    id: "7.1.3",
    name: "a ping after the close",
    steps: () => [send(close(1000)), send({ opcode: PING }), { closes: 1000 }],
  },
  {
    id: "7.1.4",
    name: "a text after the close",
    steps: () => [send(close(1000)), send(text("late")), { closes: 1000 }],
  },
  {
    id: "7.1.5",
    name: "a close inside a fragmented message",
    steps: () => [
      send(text("begun", { fin: false })),
      send(close(1000)),
      send(cont("ended")),
      { closes: 1000 },
    ],
  },
  {
    id: "7.1.6",
    name: "a fault after the close",
    steps: () => [send(close(1000)), send({ opcode: 5, rsv: 7 }), { closes: 1000 }],
  },
  {
    id: "7.3.1",
    name: "a close without payload",
    steps: () => [send({ opcode: CLOSE }), { closes: 1005 }],
  },
  {
    id: "7.3.2",
    name: "a close payload of one byte",
    needs: "closeChecks",
    steps: () => [send({ opcode: CLOSE, payload: "a" }), { fails: 1002 }],
  },
  {
    id: "7.3.4",
    name: "a close with a reason",
    steps: () => [send(close(1000, "Hello World!")), { closes: 1000 }],
  },
  {
    id: "7.3.5",
    name: "a close with a reason of 123 bytes",
    steps: () => [send(close(1000, "*".repeat(123))), { closes: 1000 }],
  },
  {
    id: "7.3.6",
    name: "a close with a reason of 124 bytes",
    steps: () => [send(close(1000, "*".repeat(124))), { fails: 1002 }],
  },
  {
    id: "7.5.1",
    name: "a close reason that is not UTF-8",
    needs: "closeChecks",
    steps: () => [
      send(close(1000, hex("ceba e1bdb9 cf83 cebc ceb5 eda080 656469746564"))),
      { fails: 1007 },
    ],
  },
  {
    id: "7.6",
    name: "a fragmented close",
    steps: () => [send({ ...close(1000), fin: false }), { fails: 1002 }],
  },
  ...[
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011],
    [1012, 1013, 1014, 3000, 3999, 4000, 4999],
  ].flat().map((code): ConformanceCase => ({
    id: "7.7",
    name: `a close with ${code}`,
    steps: () => [send(close(code, "why")), { closes: code }],
  })),
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535].map((
    code,
  ): ConformanceCase => ({
    id: "7.9",
    name: `a close with ${code}, which must not be sent`,
    needs: "closeChecks",
    steps: () => [send(close(code)), { fails: 1002 }],
  })),
];

/** Masking and lengths: RFC 6455, sections 5.1 and 5.2. */
const CASES_8: ConformanceCase[] = [
  {
    id: "8.1",
    name: "a frame that is masked where it must not be, or not where it must",
    steps: (toServer) => [
      send({ ...text("x"), key: toServer ? undefined : Uint8Array.of(1, 2, 3, 4) }),
      { fails: 1002 },
    ],
  },
  {
    id: "8.2",
    name: "a frame masked with zeros",
    steps: (toServer) =>
      toServer
        ? [send({ ...text("zero"), key: new Uint8Array(4) }), expect(text("zero"))]
        : echoed(text("zero")),
  },
  ...([[16, 125], [64, 125], [64, 65535]] as const).map(([lengthBits, size]): ConformanceCase => ({
    id: "8.3",
    name: `${size} bytes with a length in ${lengthBits} bits`,
    needs: "minimalLengths",
    chopped: size < 1000,
    steps: () => [send({ opcode: BINARY, payload: pattern(size), lengthBits }), { fails: 1002 }],
  })),
  {
    id: "8.4",
    name: "a length with its top bit set",
    steps: (toServer) => [
      send(hex(`82 ${toServer ? "ff" : "7f"} 80000000 00000000 ${toServer ? "00000000" : ""}`)),
      { fails: 1002 },
    ],
  },
];

const CASES_9: ConformanceCase[] = [
  ...[1 << 18, 1 << 20].flatMap((size): ConformanceCase[] => [
    {
      id: "9.1",
      name: `a text message of ${size} bytes`,
      chopped: false,
      steps: () => echoed(text("é".repeat(size >> 1))),
    },
    {
      id: "9.2",
      name: `a binary message of ${size} bytes`,
      chopped: false,
      steps: () => echoed({ opcode: BINARY, payload: pattern(size) }),
    },
  ]),
  ...[64, 1024, 65536].map((size): ConformanceCase => ({
    id: "9.3",
    name: `256 KiB in fragments of ${size} bytes`,
    chopped: false,
    steps: () => [
      ...fragments(BINARY, pattern(1 << 18), size).map(send),
      expect({ opcode: BINARY, payload: pattern(1 << 18) }),
    ],
  })),
  {
    id: "9.9",
    name: "a message one byte above maxMessageBytes, from its header alone",
    needs: "limits",
    options: { maxMessageBytes: 1000 },
    steps: (toServer) => [
      ...echoed({ opcode: BINARY, payload: pattern(1000) }),
      send(hex(`82 ${toServer ? "fe" : "7e"} 03e9 ${toServer ? "00000000" : ""}`)),
      { fails: 1009 },
    ],
  },
  {
    id: "9.9",
    name: "fragments that exceed maxMessageBytes together",
    needs: "limits",
    options: { maxMessageBytes: 5 },
    steps: () => [send(text("abc", { fin: false })), send(cont("def", false)), { fails: 1009 }],
  },
  {
    id: "9.10",
    name: "more fragments than maxFragments, all empty",
    needs: "limits",
    options: { maxFragments: 3 },
    steps: () => [
      ...[text(""), cont(""), cont(""), cont("")].map((frame) => send({ ...frame, fin: false })),
      { fails: 1008 },
    ],
  },
  {
    id: "9.11",
    name: "a length of 2^40 bytes",
    needs: "limits",
    steps: (toServer) => [
      send(hex(`82 ${toServer ? "ff" : "7f"} 00000100 00000000 ${toServer ? "00000000" : ""}`)),
      { fails: 1009 },
    ],
  },
];

const CASES_10: ConformanceCase[] = [{
  id: "10.1",
  name: "65536 bytes of text in fragments of 1300",
  chopped: false,
  steps: () => [
    ...fragments(TEXT, new Uint8Array(65536).fill(42), 1300).map(send),
    expect(text("*".repeat(65536))),
  ],
}];

/** All cases. */
export const CASES: readonly ConformanceCase[] = [
  ...CASES_1,
  ...CASES_2,
  ...CASES_3,
  ...CASES_4,
  ...CASES_5,
  ...CASES_6,
  ...CASES_7,
  ...CASES_8,
  ...CASES_9,
  ...CASES_10,
];
