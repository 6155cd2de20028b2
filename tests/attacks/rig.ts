/**
 * Servers under attack. Beside the attacker there is always a bystander: a connection that must
 * still echo when the attack is over.
 * @module
 */

import http from "node:http";
import type net from "node:net";
import { assertEquals } from "@std/assert";
import { onUpgrade } from "../../src/adapters/node/mod.ts";
import type { Handler } from "../../src/api/handler.ts";
import type { ServerOptions } from "../../src/api/server_opening.ts";
import { connectRaw } from "../support/node_peer.ts";
import { openAsClient } from "../support/raw_handshake.ts";
import type { RawPeer } from "../support/raw_peer.ts";
import { masked, plain, text } from "../api/ends.ts";

/** A server under attack. */
export interface Target {
  port: number;
  /** Errors of the application's own functions. */
  errors: unknown[];
  /** Opens a byte stream. */
  connect(): Promise<RawPeer>;
  /** Opens a WebSocket. */
  open(): Promise<RawPeer>;
}

export const echo: Handler = { message: (socket, data) => void socket.send(data) };

/** Runs an attack on `onUpgrade` over `node:http`, then asks the bystander. */
export async function underAttack(
  attack: (target: Target) => Promise<void>,
  options: ServerOptions = {},
  handler: Handler = echo,
  httpOptions: http.ServerOptions = {},
): Promise<void> {
  const errors: unknown[] = [];
  const server = http.createServer(httpOptions, (_request, response) => response.end("plain"));
  server.on(
    "upgrade",
    onUpgrade(handler, { onError: (error) => errors.push(error), closeTimeoutMs: 300, ...options }),
  );
  const sockets = new Set<net.Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as net.AddressInfo;
  const connect = () => connectRaw(port);
  const open = async () => {
    const peer = await connect();
    await openAsClient(peer);
    return peer;
  };
  const bystander = options.origins === undefined && options.verify === undefined
    ? await open()
    : undefined;
  try {
    await attack({ port, errors, connect, open });
    if (bystander !== undefined) {
      bystander.write(masked(text("still served?")));
      const frame = await bystander.readFrame();
      assertEquals(new TextDecoder().decode(frame?.payload), "still served?");
    }
    assertEquals(errors, []);
  } finally {
    bystander?.destroy();
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

/** Reads a close frame with this code, then the end. */
export async function assertFails(peer: RawPeer, code: number): Promise<void> {
  const frame = await peer.readFrame();
  if (frame === null) throw new Error("the stream ended without a close frame");
  assertEquals([frame.opcode, frame.payload[0] * 256 + frame.payload[1]], [8, code]);
  peer.end();
  assertEquals((await peer.readToEnd()).length, 0);
}

/** Counts the bytes that Uint8Array.prototype.set copies while `body` runs. */
export async function copiedBy(body: () => void | Promise<void>): Promise<number> {
  const { set } = Uint8Array.prototype;
  let copied = 0;
  Uint8Array.prototype.set = function (source: ArrayLike<number>, at?: number) {
    copied += source.length;
    set.call(this, source, at);
  };
  try {
    await body();
  } finally {
    // deno-lint-ignore no-explicit-any -- back to where it was inherited from
    delete (Uint8Array.prototype as any).set;
  }
  return copied;
}

export { masked, plain, text };
