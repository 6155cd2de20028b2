import { constants, deflateRawSync } from "node:zlib";
import { describe, test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { zlibCodec } from "../../src/adapters/zlib/mod.ts";
import { type EngineOptions, type Role, SharedMessage } from "../../src/connection/mod.ts";
import { Deflation } from "../../src/connection/deflation.ts";
import { WebSocketError } from "../../src/errors.ts";
import {
  type CodecDeflater,
  type CodecInflater,
  type DeflateCodec,
  type DeflatePolicy,
  PermessageDeflate,
} from "../../src/extensions/mod.ts";
import { concatBytes, toHex } from "../../src/bytes.ts";
import { decodeFrames } from "../support/wire.ts";
import { policy } from "../extensions/support.ts";
import { closing, EngineRig, line, OP, peerBytes, ROLES, showText } from "./engine_rig.ts";

const { CONT, TEXT, BINARY, CLOSE, PING } = OP;

/** RSV1, as wire.ts counts. */
const RSV1 = 4;

function pack(data: string | Uint8Array): Uint8Array {
  return new Uint8Array(
    deflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4),
  );
}

function deflateWith(
  codec: DeflateCodec,
  changes: Partial<DeflatePolicy> = {},
): Deflation {
  const wants = policy(changes);
  const { ownTakeover, peerTakeover, ownWindowBits, peerWindowBits } = wants;
  const agreement = { ownTakeover, peerTakeover, ownWindowBits, peerWindowBits, canDeflate: true };
  return new Deflation(new PermessageDeflate(agreement, wants, codec));
}

function rigWith(role: Role, options: Partial<EngineOptions> = {}): EngineRig {
  return new EngineRig(role, { deflate: deflateWith(zlibCodec), ...options });
}

/** A codec whose inflater, or deflater, takes as long as the test wants. */
class SlowCodec implements DeflateCodec {
  readonly minWindowBits = 9;
  readonly takeover = true;
  /** What waits, in order. */
  readonly waiting: { done: (bytes: Uint8Array) => void; fail: (error: unknown) => void }[] = [];
  /** Inflates these at once. */
  quick = false;
  failing: Error | undefined;

  isSlow(): boolean {
    return true;
  }

  #later(bytes: Uint8Array): Uint8Array | Promise<Uint8Array> {
    if (this.failing !== undefined) throw this.failing;
    if (this.quick) return bytes;
    return new Promise((resolve, reject) => {
      this.waiting.push({ done: () => resolve(bytes), fail: reject });
    });
  }

  createDeflater(): CodecDeflater {
    return { deflate: (part) => this.#later(part), release() {} };
  }

  createInflater(): CodecInflater {
    const slices: Uint8Array[] = [];
    return {
      inflate: (message) => this.#later(message),
      push: (slice) => slices.push(slice),
      pull: () => slices.shift() ?? null,
      release() {},
    };
  }

  /** Lets the oldest end. */
  async finish(): Promise<void> {
    this.waiting.shift()!.done(new Uint8Array(0));
    for (let i = 0; i < 5; i++) await Promise.resolve();
  }

  async fail(error: unknown): Promise<void> {
    this.waiting.shift()!.fail(error);
    for (let i = 0; i < 5; i++) await Promise.resolve();
  }
}

function compressed(payload: string | Uint8Array, opcode: number = TEXT) {
  return { opcode, rsv: RSV1, payload };
}

for (const role of ROLES) {
  describe(`a ${role} with permessage-deflate`, () => {
    test("takes compressed and plain messages, whole and in fragments", () => {
      const rig = rigWith(role);
      const packed = pack("Hello, Hello, Hello");
      rig.feed(compressed(packed), { opcode: TEXT, payload: "plain" });
      rig.feed(
        { opcode: BINARY, rsv: RSV1, fin: false, payload: packed.subarray(0, 3) },
        { opcode: PING, payload: "?" },
        { opcode: CONT, fin: false, payload: packed.subarray(3, 4) },
        { opcode: CONT, payload: packed.subarray(4) },
      );
      rig.feed(compressed(Uint8Array.of(0)), compressed(new Uint8Array(0), BINARY));
      assertEquals(rig.events, [
        "text Hello, Hello, Hello",
        "text plain",
        "ping 3f",
        "binary 48656c6c6f2c2048656c6c6f2c2048656c6c6f",
        "text ",
        "binary ",
      ]);
    });

    test("inflates what came in chunks that are lent when they are long gone", async () => {
      const memory = new Uint8Array(1024);
      for (const streaming of [false, true]) {
        const codec = new SlowCodec();
        const rig = new EngineRig(role, { deflate: deflateWith(codec) });
        const lend = (...frames: Parameters<typeof peerBytes>[1][]) =>
          rig.feedLent(peerBytes(role, ...frames), memory);
        lend(compressed("first, which takes its time", BINARY));
        rig.engine.streaming = streaming;
        lend(compressed("second", BINARY), { opcode: TEXT, payload: "third" });
        await codec.finish();
        if (!streaming) await codec.finish();
        const bytes = (text: string) => toHex(new TextEncoder().encode(text));
        assertEquals(rig.events, [
          `binary ${bytes("first, which takes its time")}`,
          ...(streaming
            ? ["start binary", `slice ${bytes("second")}`, "end"]
            : [`binary ${bytes("second")}`]),
          ...(streaming ? ["start text", `slice ${bytes("third")}`, "end"] : ["text third"]),
        ]);
      }
    });

    test("sends what is above fragmentBytes compressed as fragments, RSV1 on the first alone", () => {
      const random = new Uint8Array(400).map((_, i) => (i * i * 31 + (i >> 3) * 7) & 127);
      const text = String.fromCharCode(...random);
      const sends: ((engine: EngineRig["engine"]) => unknown)[] = [
        (engine) => engine.sendText(text, true),
        (engine) => engine.sendBytes(random, "text", false, true),
        (engine) => engine.sendShared(new SharedMessage(TEXT, text), true),
        (engine) => engine.sendFragment(random, "text", true, true),
      ];
      for (const send of sends) {
        const rig = rigWith(role, { fragmentBytes: 64 });
        send(rig.engine);
        const wire = rig.takeBytes();
        const frames = decodeFrames(wire);
        assert(frames.length > 1, "it went as fragments");
        assert(frames.every(({ payload }) => payload.length <= 64));
        assertEquals(frames.map(({ rsv }) => rsv), frames.map((_, i) => i === 0 ? RSV1 : 0));
        assertEquals(frames.map(({ fin }) => fin), frames.map((_, i) => i === frames.length - 1));
        const other = rigWith(role === "server" ? "client" : "server");
        other.engine.receive(wire);
        assertEquals(other.events, [`text ${showText(text)}`]);
      }
    });

    test("delivers slice by slice what comes in fragments, while it comes", () => {
      const rig = rigWith(role);
      rig.engine.streaming = true;
      const packed = pack("Hello, Hello, Hello");
      rig.feed({ opcode: TEXT, rsv: RSV1, fin: false, payload: packed.subarray(0, 6) });
      assert(rig.events.length >= 2, "something came before the end");
      assertEquals(rig.events[0], "start text");
      rig.feed({ opcode: CONT, payload: packed.subarray(6) });
      assertEquals(rig.events.at(-1), "end");
    });

    test("stops inflating slice by slice while it is paused, and pings wait too", () => {
      const rig = rigWith(role);
      rig.engine.streaming = true;
      rig.after = (event) => event.startsWith("slice") && rig.engine.pause();
      rig.feed(compressed(pack(new Uint8Array(300_000)), BINARY), { opcode: PING, payload: "?" });
      for (let pieces = 1; pieces <= 4; pieces++) {
        assertEquals(rig.events.filter((event) => event.startsWith("slice")).length, pieces);
        rig.engine.resume();
      }
      for (let i = 0; i < 3; i++) rig.engine.resume();
      assertEquals(rig.events.slice(-2), ["end", "ping 3f"]);
      const total = rig.events.filter((event) => event.startsWith("slice"))
        .reduce((sum, event) => sum + parseInt(event.slice(6)), 0);
      assertEquals(total, 300_000);
    });

    test("refuses RSV1 on a continuation and on a control frame with 1002", () => {
      const packed = pack("Hello");
      const bad = [
        [{ opcode: TEXT, rsv: RSV1, fin: false, payload: packed }, { opcode: CONT, rsv: RSV1 }],
        [{ opcode: TEXT, fin: false }, { opcode: CONT, rsv: RSV1, payload: packed }],
        [{ opcode: PING, rsv: RSV1 }],
        [{ opcode: CLOSE, rsv: RSV1 }],
      ];
      for (const frames of bad) {
        const rig = rigWith(role).feed(...frames);
        assertEquals(rig.events, ["failure WS_RSV1_UNEXPECTED 1002"]);
      }
      for (const rsv of [1, 2, 5, 6]) {
        assertEquals(rigWith(role).feed({ opcode: TEXT, rsv }).errors[0].closeCode, 1002);
      }
    });

    test("answers corrupt data with 1007, and so does text that is none", () => {
      const cases: [Uint8Array, number, string][] = [
        [Uint8Array.of(0xff, 0xff), BINARY, "WS_DEFLATE_INVALID"],
        [pack("Hello").subarray(0, 3), BINARY, "WS_DEFLATE_INVALID"],
        [concatBytes([deflateRawSync("Hello"), Uint8Array.of(7, 7)]), TEXT, "WS_DEFLATE_INVALID"],
        [pack(Uint8Array.of(0xc3, 0x28)), TEXT, "WS_UTF8_INVALID"],
        [pack(Uint8Array.of(0xe2, 0x98)), TEXT, "WS_UTF8_INVALID"],
      ];
      for (const [payload, opcode, code] of cases) {
        for (const streaming of [false, true]) {
          const rig = rigWith(role);
          rig.engine.streaming = streaming;
          rig.feed(compressed(payload, opcode));
          assertEquals(rig.events.at(-1), `failure ${code} 1007`);
          assertEquals(rig.take().at(-1)!.payload.subarray(0, 2), closing(1007));
        }
      }
    });

    test("counts maxMessageBytes after inflating, to the byte, and stops with 1009", () => {
      for (const size of [1, 100, 65536, 200_000]) {
        const rig = rigWith(role, { maxMessageBytes: size });
        rig.feed(compressed(pack(new Uint8Array(size)), BINARY));
        assert(rig.events[0].startsWith("binary"), rig.events[0]);
        rig.feed(compressed(pack(new Uint8Array(size + 1)), BINARY));
        assertEquals(rig.events[1], "failure WS_MESSAGE_TOO_LARGE 1009");
      }
    });

    test("refuses compressed data that is itself above the limit from its header", () => {
      const rig = rigWith(role, { maxMessageBytes: 1000 });
      rig.feed({ opcode: BINARY, rsv: RSV1, fin: false, payload: new Uint8Array(2100) });
      assertEquals(rig.events, ["failure WS_MESSAGE_TOO_LARGE 1009"]);
    });

    test("compresses from the threshold on, and what the caller says", () => {
      const rig = rigWith(role);
      const long = "0123456789abcdef".repeat(64);
      const sends: [() => void, number][] = [
        [() => rig.engine.sendText(long), RSV1],
        [() => rig.engine.sendText(long.slice(1)), 0],
        [() => rig.engine.sendText(long, false), 0],
        [() => rig.engine.sendText("a".repeat(100), true), RSV1],
        [() => rig.engine.sendText("é".repeat(512)), RSV1],
        [() => rig.engine.sendText("é".repeat(511)), 0],
        [() => rig.engine.sendBytes(new Uint8Array(1024), "binary", false), RSV1],
        [() => rig.engine.sendBytes(new Uint8Array(1023), "binary", false), 0],
        // What does not get smaller goes as it is.
        [() => rig.engine.sendText("ab", true), 0],
      ];
      for (const [send] of sends) send();
      const frames = decodeFrames(rig.takeBytes());
      assertEquals(frames.map(({ rsv }) => rsv), sends.map(([, rsv]) => rsv));
    });

    test("sends a message in fragments compressed, with RSV1 on the first alone", () => {
      const rig = rigWith(role);
      const other = rigWith(role === "server" ? "client" : "server");
      for (const part of ["", "Hello, ", "Hello, ", ""]) {
        rig.engine.sendFragment(new TextEncoder().encode(part), "text", false);
      }
      rig.engine.ping(new Uint8Array(0));
      rig.engine.sendFragment(new TextEncoder().encode("Hello"), "text", true);
      rig.engine.sendFragment(new Uint8Array(0), "binary", true);
      rig.engine.sendFragment(Uint8Array.of(1), "binary", false, false);
      rig.engine.sendFragment(Uint8Array.of(2), "binary", true);
      const bytes = rig.takeBytes();
      const frames = decodeFrames(bytes);
      assertEquals(frames.map(({ rsv, opcode, fin }) => [rsv, opcode, fin]), [
        [RSV1, TEXT, false],
        [0, CONT, false],
        [0, PING, true],
        [0, CONT, true],
        [RSV1, BINARY, true],
        [0, BINARY, false],
        [0, CONT, true],
      ]);
      other.engine.receive(bytes);
      assertEquals(other.events, ["ping ", "text Hello, Hello, Hello", "binary ", "binary 0102"]);
    });

    test("keeps messages in order behind one that takes time, and lets pings pass", async () => {
      const codec = new SlowCodec();
      const rig = new EngineRig(role, { deflate: deflateWith(codec) });
      rig.feed(
        compressed("first"),
        { opcode: TEXT, payload: "second" },
        compressed("third"),
        { opcode: PING, payload: "?" },
        { opcode: CLOSE, payload: closing(1000) },
      );
      assertEquals(rig.events, ["ping 3f"]);
      assertEquals(rig.sent().length, 1, "the pong");
      assert(rig.engine.busy && !rig.engine.inputEnded);
      await codec.finish();
      assertEquals(rig.events.slice(1), ["text first", "text second"]);
      rig.engine.sendText("an answer");
      await codec.finish();
      assertEquals(rig.events.slice(3), ["text third", "close 1000"]);
      assertEquals(rig.sent(), [line(TEXT, "an answer"), line(CLOSE, closing(1000))]);
      assertEquals([rig.settled, rig.engine.state], [1, "closed"]);
    });

    test("drops what comes after a close frame that waits", async () => {
      const codec = new SlowCodec();
      const rig = new EngineRig(role, { deflate: deflateWith(codec) });
      rig.feed(compressed("first"), { opcode: CLOSE }, { opcode: TEXT, payload: "late" });
      rig.feed({ opcode: TEXT, payload: "later" });
      await codec.finish();
      assertEquals(rig.events, ["text first", "close 1005"]);
    });

    test("holds deliveries back while it is paused", async () => {
      const codec = new SlowCodec();
      const rig = new EngineRig(role, { deflate: deflateWith(codec) });
      rig.feed(compressed("first"), { opcode: TEXT, payload: "second" });
      rig.after = () => rig.engine.pause();
      await codec.finish();
      rig.feed({ opcode: TEXT, payload: "third" });
      assertEquals(rig.events, ["text first"]);
      rig.engine.resume();
      assertEquals(rig.events, ["text first", "text second"]);
      rig.engine.resume();
      assertEquals(rig.events, ["text first", "text second", "text third"]);
      assert(!rig.engine.busy);
    });

    test("asks not to be given more when much waits, and goes on when it is done", async () => {
      const codec = new SlowCodec();
      const rig = new EngineRig(role, { deflate: deflateWith(codec), maxMessageBytes: 1 << 21 });
      rig.feed(compressed("first"), { opcode: BINARY, payload: new Uint8Array(1 << 20) });
      assertEquals(rig.events, ["hold"]);
      rig.feed({ opcode: TEXT, payload: "kept" }, { opcode: PING });
      assertEquals(rig.events, ["hold"]);
      await codec.finish();
      assertEquals(rig.events.length, 6);
      assertEquals([rig.events[1], ...rig.events.slice(3)], [
        "text first",
        "go on",
        "text kept",
        "ping ",
      ]);
    });

    test("drops what waits when it closes, and still sees the peer's close frame", async () => {
      const codec = new SlowCodec();
      const rig = new EngineRig(role, { deflate: deflateWith(codec) });
      rig.feed(compressed("first"), compressed("second"), { opcode: CLOSE });
      rig.engine.close(1000);
      rig.engine.discardMessages();
      await codec.finish();
      assertEquals(rig.events, ["close 1005"]);
      assertEquals(codec.waiting.length, 0, "the second was not inflated");
    });

    test("fails alone with 1011, and says why, when its codec fails to inflate", async () => {
      const cause = new Error("out of memory");
      const codec = new SlowCodec();
      const rig = new EngineRig(role, { deflate: deflateWith(codec) });
      rig.feed(compressed("first"), { opcode: TEXT, payload: "second" });
      await codec.fail(cause);
      assertEquals(rig.events, ["failure WS_COMPRESSION_FAILED 1011"]);
      assertEquals(rig.errors[0].cause, cause);
      codec.failing = cause;
      const other = new EngineRig(role, { deflate: deflateWith(codec) });
      other.feed({ opcode: TEXT, payload: "before" }, compressed("x"), { opcode: PING });
      assertEquals(other.events, ["text before", "failure WS_COMPRESSION_FAILED 1011"]);
      assertEquals(other.take()[0].payload.subarray(0, 2), closing(1011));
    });

    test("fails alone with 1011, and says why, when its codec fails to deflate", async () => {
      const cause = new Error("out of memory");
      for (const soon of [true, false]) {
        const codec = new SlowCodec();
        const rig = new EngineRig(role, { deflate: deflateWith(codec) });
        if (soon) codec.failing = cause;
        const sent = rig.engine.sendText("x", true) as Promise<void>;
        if (!soon) void codec.fail(cause);
        const error = await assertRejects(() => sent, WebSocketError, "codec");
        assertEquals([error.code, error.cause], ["WS_COMPRESSION_FAILED", cause]);
        assertEquals(rig.events, ["failure WS_COMPRESSION_FAILED 1011"]);
        assertEquals(rig.take()[0].payload.subarray(0, 2), closing(1011));
      }
    });

    test("does not send a message that was still being compressed when it closed", async () => {
      const codec = new SlowCodec();
      const rig = new EngineRig(role, { deflate: deflateWith(codec) });
      const sent = rig.engine.sendText("x".repeat(2000)) as Promise<void>;
      rig.engine.close(1000);
      void codec.finish();
      await assertRejects(() => sent, WebSocketError, "closing or closed");
      assertEquals(rig.sent(), [line(CLOSE, closing(1000))]);
    });

    test("hears nothing more of deliveries once it was abandoned", async () => {
      const codec = new SlowCodec();
      const rig = new EngineRig(role, { deflate: deflateWith(codec) });
      rig.feed(compressed("first"), { opcode: TEXT, payload: "second" });
      rig.engine.abandon();
      await codec.finish();
      assertEquals(rig.events, []);
    });
  });
}

test("without the extension RSV1 is refused, and nothing is compressed", () => {
  const rig = new EngineRig("server");
  rig.engine.sendText("x".repeat(5000), true);
  assertEquals(rig.take()[0].payload.length, 5000);
  assertEquals(rig.feed(compressed(pack("Hello"))).errors[0].code, "WS_RSV1_UNEXPECTED");
});
