/**
 * Sends one large message to an echo server and checks what comes back. Arguments: the port, "plain"
 * or "compressed", the size in bytes. Prints what it saw.
 *
 * @module
 */

import process from "node:process";
import { connect } from "../../../src/adapters/client.ts";
import { Digest, largeMessage } from "./large_message.ts";
import { PeakMemory } from "./rss.ts";

const [port, how, size] = process.argv.slice(2);
const socket = await connect(`ws://127.0.0.1:${port}`, { compression: how === "compressed" });
const memory = new PeakMemory();
const started = performance.now();

const sent = new Digest();
const sending = socket.send(largeMessage(Number(size), sent));
const received = new Digest();
let fragments = 0;
for await (const message of socket.messages()) {
  if (message.type !== "binary") throw new Error("the echo is text");
  for await (const piece of message.body) {
    // Whoever does not hold the sender back gathers what it makes meanwhile.
    if (fragments++ === 0) await new Promise((resolve) => setTimeout(resolve, 2000));
    received.update(piece);
  }
  break;
}
await sending;
const ms = performance.now() - started;
const peak = memory.end();
const roundTripMs = await socket.ping();
const { closeCode, wasClean } = await socket.close();
console.log(JSON.stringify({
  bytes: received.bytes,
  same: sent.bytes === received.bytes && sent.hex() === received.hex(),
  extensions: socket.extensions,
  fragments,
  ms,
  roundTripMs,
  before: memory.before,
  peak,
  closeCode,
  wasClean,
}));
