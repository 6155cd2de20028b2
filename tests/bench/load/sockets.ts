/**
 * Bare TCP connections for the load generator: Bun's where it runs on Bun, else `node:net`'s.
 * @module
 */

import { Buffer } from "node:buffer";
import net from "node:net";

/** A connection of the load. */
export interface LoadSocket {
  write(bytes: Uint8Array): void;
  /** Cuts the connection with a reset, so that its port is free again at once. */
  reset(): void;
}

/** What happens on one. */
export interface LoadEvents {
  onOpen(socket: LoadSocket): void;
  /** Takes bytes, which may be used during the call only. */
  onData(bytes: Uint8Array): void;
  onClose(error?: unknown): void;
}

interface BunSocket {
  write(bytes: Uint8Array): number;
  setNoDelay(on: boolean): void;
  terminate(): void;
}

interface BunConnect {
  connect(options: {
    hostname: string;
    port: number;
    socket: Record<string, (socket: BunSocket, argument: unknown) => void>;
  }): Promise<unknown>;
}

const bun = (globalThis as { Bun?: BunConnect }).Bun;

/** Opens a connection to this machine. */
export function openSocket(port: number, events: LoadEvents): void {
  if (bun !== undefined) openOnBun(bun, port, events);
  else openOnNode(port, events);
}

/** Read into by all connections, for nobody keeps what was read. */
const readBuffer = Buffer.alloc(256 * 1024);

function openOnNode(port: number, events: LoadEvents): void {
  const socket = net.connect({
    port,
    host: "127.0.0.1",
    noDelay: true,
    onread: {
      buffer: readBuffer,
      callback(length: number, buffer: Uint8Array) {
        events.onData(buffer.subarray(0, length));
        return true;
      },
    },
  });
  socket.on("connect", () => {
    events.onOpen({
      write: (bytes) => void socket.write(bytes),
      reset: () => void socket.resetAndDestroy(),
    });
  });
  let error: unknown;
  socket.on("error", (cause) => error = cause);
  socket.on("close", () => events.onClose(error));
}

function openOnBun(bun: BunConnect, port: number, events: LoadEvents): void {
  /** What the kernel did not take yet, in order. */
  let waiting: Uint8Array[] = [];
  const write = (socket: BunSocket, bytes: Uint8Array): void => {
    if (waiting.length > 0) return void waiting.push(bytes);
    const written = socket.write(bytes);
    if (written < 0) return;
    if (written < bytes.length) waiting.push(bytes.subarray(written));
  };
  bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open(socket) {
        socket.setNoDelay(true);
        events.onOpen({
          write: (bytes) => write(socket, bytes),
          reset: () => socket.terminate(),
        });
      },
      data: (_socket, bytes) => events.onData(bytes as Uint8Array),
      drain(socket) {
        const rest = waiting;
        waiting = [];
        for (const bytes of rest) write(socket, bytes);
      },
      close: (_socket, error) => events.onClose(error),
      error: (_socket, error) => events.onClose(error),
      connectError: (_socket, error) => events.onClose(error),
    },
  }).catch((error) => events.onClose(error));
}
