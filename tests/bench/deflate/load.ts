/**
 * The load: raw clients that send prepared frames and count what comes back, so that they cost
 * little beside the server. `load.js <port> <connections> <in flight> <ms> <mode>` prints messages
 * per second, bytes per message, and how many there were, warm-up included; `load.js <port> <connections> <messages> hold <mode>` sends so
 * many on each connection, prints "held", and ends with its input.
 *
 * @module
 */

import net from "node:net";
import process from "node:process";
import { deflatedFrame, JSON_MESSAGES } from "../load/frames.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";

const FRAMES = Array.from({ length: JSON_MESSAGES }, (_, seed) => deflatedFrame(1, seed, 1024));
let messages = 0;
let all = 0;
let bytes = 0;

class Client {
  readonly #socket: net.Socket;
  #open: (() => void) | undefined;
  #next: number;
  /** Bytes of the frame being received that are still to come; a header may be cut. */
  #remaining = 0;
  #header: number[] = [];
  onMessage: (() => void) | undefined;

  constructor(socket: net.Socket, seed: number) {
    this.#socket = socket;
    this.#next = seed;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Uint8Array) => this.#onData(chunk));
    socket.on("error", () => {});
  }

  open(extensions: string): Promise<void> {
    this.#socket.write(
      "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Extensions: ${extensions}\r\n\r\n`,
    );
    return new Promise((resolve) => this.#open = resolve);
  }

  send(count: number): void {
    const frames = [];
    for (let i = 0; i < count; i++) frames.push(FRAMES[this.#next++ % JSON_MESSAGES]);
    this.#socket.write(count === 1 ? frames[0] : Buffer.concat(frames));
  }

  #onData(chunk: Uint8Array): void {
    if (this.#open !== undefined) {
      const text = new TextDecoder("latin1").decode(chunk);
      if (!/sec-websocket-extensions: permessage-deflate/i.test(text)) {
        throw new Error(`no compression: ${text}`);
      }
      this.#open();
      this.#open = undefined;
      return;
    }
    bytes += chunk.length;
    for (let at = 0; at < chunk.length;) {
      if (this.#remaining === 0) {
        this.#header.push(chunk[at++]);
        const [first, length, high, low] = this.#header;
        if (this.#header.length < (length === 126 ? 4 : 2)) continue;
        if (first !== 0xc1) throw new Error(`frame ${first.toString(16)}`);
        this.#remaining = length === 126 ? high * 256 + low : length;
        this.#header = [];
      }
      const size = Math.min(this.#remaining, chunk.length - at);
      at += size;
      this.#remaining -= size;
      if (this.#remaining === 0) {
        messages++;
        all++;
        this.onMessage!();
      }
    }
  }
}

async function connect(port: number, count: number, mode: string): Promise<Client[]> {
  const clients: Client[] = [];
  const extensions = mode === "no takeover"
    ? "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    : "permessage-deflate; client_max_window_bits";
  for (let i = 0; i < count; i++) {
    const socket = net.connect(port, "127.0.0.1");
    await new Promise((resolve, reject) => socket.on("connect", resolve).on("error", reject));
    const client = new Client(socket, i);
    await client.open(extensions);
    clients.push(client);
  }
  return clients;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const [port, count, number, ms, mode] = process.argv.slice(2);
const clients = await connect(Number(port), Number(count), mode);
if (ms === "hold") {
  await Promise.all(clients.map((client) =>
    new Promise<void>((resolve) => {
      let left = Number(number);
      client.onMessage = () => --left > 0 ? client.send(1) : resolve();
      client.send(1);
    })
  ));
  console.log("held");
  process.stdin.on("end", () => process.exit(0)).resume();
} else {
  const inFlight = Number(number);
  for (const client of clients) {
    let due = 0;
    client.onMessage = () => {
      // As many again as came in one chunk: a burst stays a burst.
      if (due++ === 0) {
        queueMicrotask(() => {
          client.send(due);
          due = 0;
        });
      }
    };
    client.send(inFlight);
  }
  await sleep(Number(ms) / 3);
  messages = bytes = 0;
  const start = performance.now();
  await sleep(Number(ms));
  const seconds = (performance.now() - start) / 1000;
  console.log(JSON.stringify({ rate: messages / seconds, size: bytes / messages, all }));
  process.exit(0);
}
