/**
 * Echoes every message as it comes, none of them ever whole in memory. Arguments: "plain" or
 * "compressed". Prints its port, and at the end of its input the most memory it had.
 *
 * @module
 */

import process from "node:process";
import { serve } from "../../../src/adapters/serve.ts";
import { PeakMemory } from "./rss.ts";

const server = await serve(async (socket) => {
  for await (const message of socket.messages()) {
    await socket.send(message.body, { type: message.type });
  }
}, { port: 0, compression: process.argv[2] === "compressed" });
const memory = new PeakMemory();
console.log(server.port);

process.stdin.resume();
process.stdin.once("end", async () => {
  const peak = memory.end();
  await server.close();
  console.log(JSON.stringify({ before: memory.before, peak }));
});
