/**
 * Peers that speak raw bytes over real sockets, to say what no library would say.
 * @module
 */

import net from "node:net";
import tls from "node:tls";
import {
  type DecodedFrame,
  decodeFrames,
  encodeFrame,
  type WireFrame,
} from "../../support/wire.ts";
import { join } from "../../support/bytes.ts";
import { CERT, RUNTIME } from "./runtime.ts";
import { sleep, until, within } from "./waiting.ts";

export { acceptance } from "../../support/raw_handshake.ts";

/** The example key of RFC 6455 §1.3. */
export const KEY_13 = "dGhlIHNhbXBsZSBub25jZQ==";

/** The lines of a request that a server accepts. */
export function requestLines(path = "/", host = "127.0.0.1"): string[] {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${KEY_13}`,
    "Sec-WebSocket-Version: 13",
  ];
}

/** A head of these lines. */
export function head(lines: readonly string[]): string {
  return lines.join("\r\n") + "\r\n\r\n";
}

/** A masked frame, as a client sends it. */
export function clientFrame(frame: WireFrame): Uint8Array {
  return encodeFrame({ key: Uint8Array.of(1, 2, 3, 4), ...frame });
}

/** A masked text frame. */
export function clientText(payload: string): Uint8Array {
  return clientFrame({ opcode: 1, payload });
}

/** A masked close frame. */
export function clientClose(code: number): Uint8Array {
  return clientFrame({ opcode: 8, payload: Uint8Array.of(code >> 8, code & 255) });
}

/** One end of a real connection, raw. */
export class RawPeer {
  readonly socket: net.Socket;
  /** All that came. */
  readonly chunks: Uint8Array[] = [];
  /** The error the socket ended with. */
  error: Error | undefined;
  /** Whether the other end has ended its direction. */
  ended = false;
  /** Resolves when the socket is gone. */
  readonly closed: Promise<void>;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Uint8Array) => this.chunks.push(chunk.slice()));
    socket.on("error", (error: Error) => this.error ??= error);
    socket.on("end", () => this.ended = true);
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
  }

  /** Connects to a port of this machine. */
  static connect(
    port: number,
    options: { secure?: boolean; host?: string } = {},
  ): Promise<RawPeer> {
    const { secure = false, host = "127.0.0.1" } = options;
    const socket = secure
      ? tls.connect({ host, port, ca: CERT })
      : net.connect({ host, port, allowHalfOpen: true });
    const peer = new RawPeer(socket);
    return within(
      new Promise((resolve, reject) => {
        socket.once("error", reject);
        socket.once(secure ? "secureConnect" : "connect", () => resolve(peer));
      }),
      "connection",
    );
  }

  /** Connects and does the opening handshake. */
  static async open(
    port: number,
    options: { secure?: boolean; path?: string } = {},
  ): Promise<RawPeer> {
    const peer = await RawPeer.connect(port, options);
    peer.write(head(requestLines(options.path)));
    const answer = await peer.readHead();
    if (!answer.startsWith("HTTP/1.1 101 ")) throw new Error(`not accepted: ${answer}`);
    return peer;
  }

  write(...parts: (string | Uint8Array)[]): void {
    const encoder = new TextEncoder();
    this.socket.write(
      join(parts.map((part) => typeof part === "string" ? encoder.encode(part) : part)),
    );
  }

  /** How many bytes came. */
  get size(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  /** All that came, as Latin-1. */
  get text(): string {
    return new TextDecoder("latin1").decode(join(this.chunks));
  }

  /** Waits for an HTTP head and takes it out of what came. */
  async readHead(ms?: number): Promise<string> {
    await until(() => this.text.includes("\r\n\r\n") || this.gone, "HTTP head", ms);
    const end = this.text.indexOf("\r\n\r\n");
    if (end < 0) throw new Error(`no HTTP head, but the end, after ${JSON.stringify(this.text)}`);
    const head = this.text.slice(0, end);
    this.chunks.splice(0, this.chunks.length, join(this.chunks).slice(end + 4));
    return head;
  }

  /** Waits for a number of bytes. */
  async readBytes(length: number, ms?: number): Promise<Uint8Array> {
    await until(() => this.size >= length || this.gone, `${length} bytes`, ms);
    return join(this.chunks);
  }

  /** Waits for the end of what comes; the whole of it, as Latin-1. */
  async readToEnd(ms?: number): Promise<string> {
    await until(() => this.gone, "end of the bytes", ms);
    return this.text;
  }

  /** The frames that came so far, which must be whole. */
  frames(): DecodedFrame[] {
    return decodeFrames(join(this.chunks));
  }

  get gone(): boolean {
    return this.ended || this.socket.destroyed;
  }

  /** Stops reading. */
  pause(): void {
    this.socket.pause();
    this.#handle?.readStop();
  }

  /** Goes on reading. */
  resume(): void {
    this.#handle?.readStart();
    this.socket.resume();
  }

  /** The TCP handle below a TLS socket, which Deno 2.9 does not pause with it. */
  get #handle(): { readStart(): void; readStop(): void } | undefined {
    // deno-lint-ignore no-explicit-any -- not public
    return RUNTIME === "deno" ? (this.socket as any)._handle?._parent : undefined;
  }

  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /**
   * Cuts the connection with a reset. `resetAndDestroy` is not everywhere; closing a socket with
   * unread bytes resets it too, but needs bytes.
   */
  reset(): void {
    const socket = this.socket as net.Socket & { resetAndDestroy?(): void };
    if (socket.resetAndDestroy !== undefined) socket.resetAndDestroy();
    else socket.destroy();
  }
}

/** A raw server. */
export interface RawServer {
  port: number;
  url: string;
  /** The connections it got, in order. */
  peers: RawPeer[];
  close(): Promise<void>;
}

/** Listens with a function for each connection. */
export function listenRaw(
  onPeer: (peer: RawPeer) => void,
  options: { allowHalfOpen?: boolean } = {},
): Promise<RawServer> {
  const peers: RawPeer[] = [];
  const server = net.createServer({ allowHalfOpen: options.allowHalfOpen ?? false }, (socket) => {
    const peer = new RawPeer(socket);
    peers.push(peer);
    onPeer(peer);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      resolve({
        port,
        url: `ws://127.0.0.1:${port}`,
        peers,
        async close() {
          const stopped = new Promise<void>((done) => server.close(() => done()));
          for (const peer of peers) peer.destroy();
          await Promise.race([stopped, sleep(2000)]);
        },
      });
    });
  });
}
