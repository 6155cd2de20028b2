/**
 * The load of the soak: a few connections that stay and echo, and many that come and go, in every
 * way in which connections go.
 *
 * Arguments: the port, how many stay, how many come and go, over how many milliseconds.
 */
import net from "node:net";
import process from "node:process";
import { connect } from "../../../src/adapters/client.ts";

const [port, staying, churn, ms] = process.argv.slice(2).map(Number);
const url = `ws://127.0.0.1:${port}/`;
const HEAD = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const end = Date.now() + ms;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const counts = { messages: 0, came: 0, failed: 0 };

/** Opens a raw connection, sends bytes, and cuts it when something has come back, or at once. */
function raw(bytes: string | Uint8Array, wait: boolean): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => {
      socket.write(bytes);
      if (!wait) setTimeout(() => socket.destroy(), 5);
    });
    socket.on("data", () => socket.destroy());
    socket.on("error", () => {});
    socket.on("close", () => resolve());
  });
}

function withFrame(...frame: number[]): Uint8Array {
  return Uint8Array.from([...new TextEncoder().encode(HEAD), ...frame]);
}

/** The ways to come and go. */
const VISITS: (() => Promise<void>)[] = [
  async () => { // in order
    const socket = await connect(url, { compression: true });
    await socket.send("hello ".repeat(300));
    for await (const _ of socket) break;
    await socket.close(4000, "bye");
  },
  async () => { // cut, with messages under way
    const socket = await connect(url);
    for (let i = 0; i < 20; i++) void socket.send(new Uint8Array(5000));
    socket.terminate();
    await socket.closed;
  },
  async () => { // with a ping and its answer
    const socket = await connect(url);
    await socket.ping();
    await socket.close();
  },
  () => raw(HEAD.slice(0, 60), false), // in the middle of the head
  () => raw("GET / HTTP/1.1\r\nHost: x\r\n\r\n", true), // refused
  () => raw(withFrame(0x81, 0x05), true), // an unmasked frame
  () => raw(withFrame(0x01, 0x84, 0, 0, 0, 0, 1, 2), false), // in the middle of a fragment
];

async function stay(): Promise<void> {
  const socket = await connect(url, { compression: true });
  const messages = socket[Symbol.asyncIterator]();
  for (let i = 0; Date.now() < end; i++) {
    await socket.send(i % 3 === 0 ? "text ".repeat(i % 700) : new Uint8Array(i % 5000));
    await messages.next();
    counts.messages++;
    await sleep(20);
  }
  await socket.close();
}

async function comeAndGo(): Promise<void> {
  const start = Date.now();
  for (let i = 0; i < churn; i++) {
    const due = start + (ms * i) / churn;
    if (Date.now() < due) await sleep(due - Date.now());
    counts.came++;
    await VISITS[i % VISITS.length]().catch(() => counts.failed++);
  }
}

await Promise.all([comeAndGo(), ...Array.from({ length: staying }, stay)]);
process.stdout.write(`DONE ${JSON.stringify(counts)}\n`);
