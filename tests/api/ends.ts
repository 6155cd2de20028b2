/**
 * Connections with a raw peer, or with each other, in memory.
 * @module
 */

import { type AcceptOptions, acceptWebSocket, connectWebSocket } from "../../src/api/stream.ts";
import type { ClientOptions } from "../../src/api/client_options.ts";
import type { WebSocketConnection } from "../../src/api/connection.ts";
import { type Handler, runHandler } from "../../src/api/handler.ts";
import { openFromBytes, type ServerOptions, setupServer } from "../../src/api/server_opening.ts";
import { StreamTransport } from "../../src/api/stream_transport.ts";
import { join } from "../support/bytes.ts";
import { MemoryPeer } from "../support/memory_peer.ts";
import { PATIENCE } from "../support/patience.ts";
import { openAsClient, openAsServer } from "../support/raw_handshake.ts";
import { encodeFrame, type WireFrame } from "../support/wire.ts";

const KEY = Uint8Array.of(0x6a, 0x01, 0xfe, 0x90);

export const OP = { CONT: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const;

/** Encodes frames as a client sends them. */
export function masked(...frames: WireFrame[]): Uint8Array {
  return join(frames.map((frame) => encodeFrame({ key: KEY, ...frame })));
}

/** Encodes frames as a server sends them. */
export function plain(...frames: WireFrame[]): Uint8Array {
  return join(frames.map(encodeFrame));
}

/** A text frame. */
export function text(payload: string): WireFrame {
  return { opcode: OP.TEXT, payload };
}

/** A close frame. */
export function closeFrame(code = 1000, reason = ""): WireFrame {
  const payload = join([Uint8Array.of(code >> 8, code & 255), new TextEncoder().encode(reason)]);
  return { opcode: OP.CLOSE, payload };
}

/** A connection under test and the raw peer at its other end. */
export interface End {
  socket: WebSocketConnection;
  peer: MemoryPeer;
}

/** A server's connection to a raw client; without pings of its own unless options say so. */
export async function acceptPeer(
  options: AcceptOptions = {},
  glued: Uint8Array = new Uint8Array(0),
): Promise<End> {
  const peer = new MemoryPeer();
  const accepted = acceptWebSocket(peer.pair, { pingIntervalMs: 0, ...options });
  await openAsClient(peer, glued);
  return { peer, socket: await accepted };
}

/** A client's connection to a raw server. */
export async function connectPeer(
  options: ClientOptions = {},
  glued: Uint8Array = new Uint8Array(0),
): Promise<End> {
  const peer = new MemoryPeer();
  const url = "ws://example.com/";
  const connected = connectWebSocket(peer.pair, url, { pingIntervalMs: 0, ...options });
  await openAsServer(peer, glued);
  return { peer, socket: await connected };
}

/** A server's connection with a handler; what it throws goes to `errors`. */
export async function handlePeer(
  handler: Handler,
  options: ServerOptions = {},
  glued: Uint8Array = new Uint8Array(0),
): Promise<End & { errors: unknown[] }> {
  const peer = new MemoryPeer();
  const errors: unknown[] = [];
  const setup = setupServer({
    pingIntervalMs: 0,
    onError: (error) => errors.push(error),
    ...options,
  });
  const opening = openFromBytes(new StreamTransport(peer.pair), false, setup);
  const shaken = openAsClient(peer, glued);
  const core = await opening;
  if (core instanceof Error) throw core;
  runHandler(core, handler, setup.onError);
  await shaken;
  return { peer, errors, socket: core.socket };
}

/** Two connections of this library, joined. */
export async function joined(
  serverOptions: AcceptOptions = {},
  clientOptions: ClientOptions = {},
): Promise<{ server: WebSocketConnection; client: WebSocketConnection }> {
  const up = new TransformStream<Uint8Array, Uint8Array>();
  const down = new TransformStream<Uint8Array, Uint8Array>();
  const accepted = acceptWebSocket(
    { readable: up.readable, writable: down.writable },
    { pingIntervalMs: 0, ...serverOptions },
  );
  const client = await connectWebSocket(
    { readable: down.readable, writable: up.writable },
    "ws://example.com/",
    { pingIntervalMs: 0, ...clientOptions },
  );
  return { server: await accepted, client };
}

/** Waits. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until something holds, and fails when it never does. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 2000 * PATIENCE; i++) {
    if (holds()) return;
    await sleep(5);
  }
  throw new Error(`it never happened that ${what}`);
}

/** Fails when a promise takes longer than any healthy run would. */
export async function soon<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took too long`)), 20_000 * PATIENCE);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Takes `count` messages from a connection. */
export async function take(
  socket: WebSocketConnection,
  count: number,
): Promise<(string | Uint8Array)[]> {
  const messages: (string | Uint8Array)[] = [];
  if (count === 0) return messages;
  for await (const message of socket) {
    messages.push(message);
    if (messages.length === count) break;
  }
  return messages;
}
