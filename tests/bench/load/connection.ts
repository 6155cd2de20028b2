/**
 * The load's connections, each a socket that has been through the handshake.
 * @module
 */

import { Buffer } from "node:buffer";
import type { Workload } from "../workloads.ts";
import { fail } from "./rounds.ts";
import { type LoadSocket, openSocket } from "./sockets.ts";

/** Connections that are being opened at the same time. */
const OPENING_AT_ONCE = 64;

function request(port: number, { deflate }: Workload): string {
  return "GET / HTTP/1.1\r\n" +
    `Host: 127.0.0.1:${port}\r\n` +
    "Upgrade: websocket\r\nConnection: Upgrade\r\n" +
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
    (deflate ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "") + "\r\n";
}

/** Opens connections, each as far as the server's 101; resolves when all are there. */
export function openAll(count: number, make: () => Connection): Promise<Connection[]> {
  return new Promise((resolve) => {
    const open: Connection[] = [];
    let started = 0;
    const next = (): void => {
      if (started === count) return;
      started++;
      const connection = make();
      connection.start(() => {
        open.push(connection);
        if (open.length === count) resolve(open);
        else next();
      });
    };
    for (let i = 0; i < Math.min(count, OPENING_AT_ONCE); i++) next();
  });
}

/** One connection. */
export class Connection {
  socket!: LoadSocket;
  readonly #port: number;
  readonly #workload: Workload;
  #onReady: (() => void) | undefined;
  #head = "";
  #over = false;

  constructor(port: number, workload: Workload) {
    this.#port = port;
    this.#workload = workload;
  }

  /** Takes the bytes after the handshake. */
  onBytes: (bytes: Uint8Array) => void = () => {};

  /** Connects; calls when the server has agreed. */
  start(onReady: () => void): void {
    this.#onReady = onReady;
    openSocket(this.#port, {
      onOpen: (socket) => {
        this.socket = socket;
        socket.write(Buffer.from(request(this.#port, this.#workload)));
      },
      onData: (bytes) => {
        if (this.#onReady === undefined) this.onBytes(bytes);
        else this.#readHead(bytes);
      },
      onClose: (error) => {
        if (!this.#over) fail(`a connection was lost: ${error ?? "no error"} ${this.#head}`);
      },
    });
  }

  #readHead(bytes: Uint8Array): void {
    this.#head += Buffer.from(bytes).toString("latin1");
    const end = this.#head.indexOf("\r\n\r\n");
    if (end < 0) return;
    if (!this.#head.startsWith("HTTP/1.1 101 ")) fail(`no 101 but ${this.#head}`);
    if (this.#workload.deflate && !/permessage-deflate/i.test(this.#head)) {
      fail("no permessage-deflate");
    }
    const onReady = this.#onReady!;
    this.#onReady = undefined;
    this.#head = "";
    onReady();
  }

  /** Cuts it. */
  reset(): void {
    this.#over = true;
    this.socket.reset();
  }
}
