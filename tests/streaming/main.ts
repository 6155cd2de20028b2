/**
 * Sends one large message through an echo and prints what it took. Arguments: `--size 2GiB`,
 * `--compressed`. Fails when the message comes back changed, or a side took 200 MiB or more.
 *
 * @module
 */

import process from "node:process";
import { echoLarge } from "./echo_large.ts";

/** What neither side may take, whatever the size of the message. */
const LIMIT_BYTES = 200 * 2 ** 20;

const UNITS: Record<string, number> = { "": 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** Reads a size such as `2GiB`. */
function readSize(text: string): number {
  const match = /^(\d+)\s*([KMG]iB)?$/.exec(text);
  if (match === null) throw new RangeError(`Cannot read size "${text}": expected such as 2GiB`);
  return Number(match[1]) * UNITS[match[2] ?? ""];
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);

const args = process.argv.slice(2);
const at = args.indexOf("--size");
const size = readSize(at < 0 ? "2GiB" : args[at + 1] ?? "");
const compressed = args.includes("--compressed");
const { versions } = process as { versions: Record<string, string | undefined> };
const runtime = versions.bun ? "Bun" : versions.deno ? "Deno" : "Node";

const { bytes, same, ms, extensions, server, client } = await echoLarge(
  size,
  compressed,
  Math.max(120_000, size / 2 ** 20 * 1000),
);
const good = same && bytes === size && server.peak < LIMIT_BYTES && client.peak < LIMIT_BYTES &&
  (extensions !== "") === compressed;
console.log(
  `${runtime} ${versions[runtime.toLowerCase()]}: ${mib(size)} MiB ` +
    `${compressed ? "compressed" : "plain"}, there and back in ${(ms / 1000).toFixed(1)} s, ` +
    `${same ? "the same bytes" : "OTHER BYTES"}; RSS in MiB at most (before): ` +
    `server ${mib(server.peak)} (${mib(server.before)}), ` +
    `client ${mib(client.peak)} (${mib(client.before)}): ${good ? "ok" : "FAILED"}`,
);
process.exitCode = good ? 0 : 1;
