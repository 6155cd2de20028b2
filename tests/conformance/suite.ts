/**
 * One suite for every transport and adapter: raw bytes against a server or a client of this
 * library. Which cases there are stands in frame_cases.ts.
 *
 * A harness says how to reach the side under test. What a runtime's own socket cannot do is said
 * by capability flags: `false` there makes the suite ask for less, never for nothing.
 *
 * @module
 */

import { test } from "node:test";
import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import type { Handler } from "../../src/api/handler.ts";
import type { ConnectionOptions } from "../../src/api/options.ts";
import { assertBytes } from "../support/bytes.ts";
import { openAsClient, openAsServer } from "../support/raw_handshake.ts";
import type { RawPeer } from "../support/raw_peer.ts";
import { encodeFrame, type WireFrame } from "../support/wire.ts";
import { CASES, type ConformanceCase } from "./frame_cases.ts";

/** What the side under test can do; every flag is `true` by default. */
export interface ConformanceFlags {
  /** A breach of the protocol is answered with its own close code; else the connection ends. */
  protocolErrors: boolean;
  /** Text is refused at its first impossible byte; else at the end of the message. */
  failFast: boolean;
  /** Close codes and reasons that must not be sent are refused. */
  closeChecks: boolean;
  /** Lengths that are not in their shortest form are refused. */
  minimalLengths: boolean;
  /** `maxMessageBytes` and `maxFragments` answer with 1009 and 1008. */
  limits: boolean;
  /** A close frame is answered with the code it had. */
  echoesCloseCode: boolean;
  /** The byte stream ends after the closing handshake without the peer's doing. */
  endsStream: boolean;
}

/** A server under test. */
export interface ServerHarness {
  name: string;
  capabilities?: Partial<ConformanceFlags>;
  /**
   * Cases, by number and name, that a runtime's own socket gets wrong, and how. They must go wrong,
   * so that the list never outlives the fault.
   */
  departures?: Readonly<Record<string, string>>;
  /** Starts a server. */
  listen(handler: Handler, options: ConnectionOptions): Promise<{
    /** Opens a byte stream to it; nothing was sent yet. */
    connectRaw(): Promise<RawPeer>;
    close(): Promise<void> | void;
  }>;
}

/** A client under test. */
export interface ClientHarness {
  name: string;
  capabilities?: Partial<ConformanceFlags>;
  /** Starts a client that connects to a raw server. */
  dial(handler: Handler, options: ConnectionOptions): Promise<{
    /** The server's end of its byte stream; its request was not read yet. */
    peer: RawPeer;
    close(): Promise<void> | void;
  }>;
}

const KEY = Uint8Array.of(0x12, 0x34, 0xab, 0xfe);

/** An open connection, seen from the raw peer. */
class Session {
  constructor(
    readonly peer: RawPeer,
    /** Whether the side under test is a server, so that the peer masks. */
    readonly toServer: boolean,
    readonly flags: ConformanceFlags,
    readonly close: () => Promise<void> | void,
  ) {}

  bytesOf(frame: WireFrame): Uint8Array {
    // A case that sets the key itself, even to none, means it.
    return encodeFrame(this.toServer && !("key" in frame) ? { ...frame, key: KEY } : frame);
  }

  /** Reads one frame, which must be this one. */
  async expect(frame: WireFrame): Promise<void> {
    const got = await this.peer.readFrame();
    if (got === null) throw new Error(`the stream ended instead of a frame ${frame.opcode}`);
    const { fin = true, opcode } = frame;
    const payload = typeof frame.payload === "string"
      ? new TextEncoder().encode(frame.payload)
      : frame.payload ?? new Uint8Array(0);
    assertEquals([got.fin, got.rsv, got.opcode], [fin, 0, opcode]);
    assertEquals(got.key !== undefined, !this.toServer, "masking");
    assertBytes(got.payload, payload, "payload");
  }

  /** Reads a close frame with this code (`undefined` for any) and then the end of the stream. */
  async expectClose(code: number | undefined, byUs: boolean): Promise<void> {
    const got = await this.peer.readFrame();
    if (got !== null) {
      assertEquals([got.fin, got.rsv, got.opcode], [true, 0, 8], "a close frame was due");
      if (code !== undefined) {
        const sent = got.payload.length === 0 ? 1005 : got.payload[0] * 256 + got.payload[1];
        assertEquals(sent, code, "close code");
      }
    } else if (code !== undefined) {
      throw new Error(`the stream ended instead of a close frame with ${code}`);
    }
    // RFC 6455 §7.1.1: the server ends the stream first; after a failure either side does.
    if ((byUs && !this.toServer) || !this.flags.endsStream) this.peer.end();
    assertEquals((await this.peer.readToEnd()).length, 0, "bytes after the close frame");
    this.peer.end();
  }
}

const echo: Handler = { message: (socket, data) => void socket.send(data) };

/** Defines the suite's tests for a server. */
export function testServer(harness: ServerHarness): void {
  defineCases(harness, async (options, flags) => {
    const server = await harness.listen(echo, options);
    const peer = await server.connectRaw();
    await openAsClient(peer);
    return new Session(peer, true, flags, () => server.close());
  });
}

/** Defines the suite's tests for a client. */
export function testClient(harness: ClientHarness): void {
  defineCases(harness, async (options, flags) => {
    const client = await harness.dial(echo, options);
    await openAsServer(client.peer);
    return new Session(client.peer, false, flags, () => client.close());
  });
}

function defineCases(
  harness: ServerHarness | ClientHarness,
  open: (options: ConnectionOptions, flags: ConformanceFlags) => Promise<Session>,
): void {
  const flags: ConformanceFlags = {
    protocolErrors: true,
    failFast: true,
    closeChecks: true,
    minimalLengths: true,
    limits: true,
    echoesCloseCode: true,
    endsStream: true,
    ...harness.capabilities,
  };
  for (const one of CASES) {
    if (one.needs !== undefined && !flags[one.needs]) continue;
    const departure = "departures" in harness
      ? harness.departures?.[`${one.id} ${one.name}`]
      : undefined;
    const wrong = departure === undefined ? "" : `, where this runtime ${departure}`;
    const feeds = one.chopped === false ? ["whole"] : ["whole", "byte by byte"];
    for (const feed of feeds) {
      test(`${harness.name}: ${one.id} ${one.name} (${feed})${wrong}`, async () => {
        const session = await open({ pingIntervalMs: 0, ...one.options }, flags);
        try {
          const outcome = runCase(session, one, feed === "byte by byte");
          if (departure === undefined) await outcome;
          else await assertRejects(() => outcome, Error);
        } finally {
          session.peer.destroy();
          await session.close();
        }
      });
    }
  }
}

async function runCase(session: Session, one: ConformanceCase, chopped: boolean): Promise<void> {
  const { peer, flags } = session;
  for (const step of one.steps(session.toServer)) {
    if ("send" in step) {
      const bytes = step.send instanceof Uint8Array ? step.send : session.bytesOf(step.send);
      if (chopped) peer.writeByteByByte(bytes);
      else peer.write(bytes);
    } else if ("expect" in step) {
      await session.expect(step.expect);
    } else if ("fails" in step) {
      await session.expectClose(flags.protocolErrors ? step.fails : undefined, false);
      return;
    } else {
      await session.expectClose(flags.echoesCloseCode ? step.closes : undefined, true);
      return;
    }
  }
  // The connection must still be of use: it echoes, and closes in order.
  const last = { opcode: 1, payload: "still here" };
  peer.write(session.bytesOf(last));
  await session.expect(last);
  peer.write(session.bytesOf({ opcode: 8, payload: Uint8Array.of(3, 232) }));
  await session.expectClose(1000, true);
  assertNotEquals(peer.received, 0);
}
