/**
 * Raw peers over `node:net` and `node:tls`, which all three runtimes have.
 * @module
 */

import net from "node:net";
import { RawPeer } from "./raw_peer.ts";

/** Makes a peer of a socket. */
export function nodePeer(socket: net.Socket): RawPeer {
  socket.setNoDelay(true);
  const peer = new RawPeer({
    write: (bytes) => {
      if (socket.writable) socket.write(bytes);
    },
    end: () => socket.end(),
    destroy: () => socket.destroy(),
  });
  socket.on("error", () => {});
  socket.on("data", (chunk: Uint8Array) => peer.push(chunk));
  socket.on("end", () => peer.pushEnd());
  socket.on("close", () => peer.pushEnd());
  return peer;
}

/** Connects a raw peer to a server. */
export function connectRaw(port: number): Promise<RawPeer> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    socket.on("error", reject);
    socket.on("connect", () => resolve(nodePeer(socket)));
  });
}

/** A server whose connections are raw peers. */
export interface RawServer {
  port: number;
  /** Waits for the next connection. */
  accept(): Promise<RawPeer>;
  close(): Promise<void>;
}

/** Listens for raw peers on a free port. */
export async function listenRaw(): Promise<RawServer> {
  const waiting: RawPeer[] = [];
  const wanted: ((peer: RawPeer) => void)[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    const peer = nodePeer(socket);
    const next = wanted.shift();
    if (next !== undefined) next(peer);
    else waiting.push(peer);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return {
    port: (server.address() as net.AddressInfo).port,
    accept: () => {
      const peer = waiting.shift();
      return peer !== undefined
        ? Promise.resolve(peer)
        : new Promise((resolve) => wanted.push(resolve));
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
