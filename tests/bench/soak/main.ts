/**
 * The soak: half an hour of traffic while ten thousand connections come and go. The heap must come
 * back to where it was, and no connection, socket or timer may be left.
 *
 * `deno task bench:soak [--minutes 30] [--runtime node] [--staying 50] [--churn 10000]`
 *
 * The heap is judged by medians: of the samples after a warm-up of a tenth of the time, the last
 * third may hold 5 % and 1 MiB more than the first.
 *
 * @module
 */

import { parseArgs } from "node:util";
import process from "node:process";
import { startProgram } from "../processes.ts";
import type { RuntimeName } from "../servers.ts";
import { prepare } from "../setup.ts";
import { median } from "../statistics.ts";

interface State {
  heapUsed: number;
  rss: number;
  connections: number;
  resources: Record<string, number>;
}

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    runtime: { type: "string", default: "node" },
    staying: { type: "string", default: "50" },
    churn: { type: "string", default: "10000" },
  },
});
const ms = Number(values.minutes) * 60_000;
const runtime = values.runtime as RuntimeName;
const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(1);

const setup = await prepare([runtime], "node");
const server = startProgram(setup.program(runtime, "soak/server", [], true));
const port = await server.lines.find("PORT ", 20_000);

async function state(): Promise<State> {
  server.child.stdin!.write("?\n");
  return JSON.parse(await server.lines.find("STATE ", 20_000));
}

let failed = false;
try {
  const before = await state();
  const load = startProgram(
    setup.program("node", "soak/load", [port, values.staying, values.churn, String(ms)]),
  );
  const done = load.lines.find("DONE ", ms + 120_000);
  const samples: State[] = [];
  const every = Math.max(500, ms / 120);
  for (let over = false; !over;) {
    over = await Promise.race([
      done.then(() => true),
      new Promise<false>((resolve) => setTimeout(() => resolve(false), every)),
    ]);
    const now = await state();
    samples.push(now);
    console.log(
      `heap ${mib(now.heapUsed)} MiB, RSS ${mib(now.rss)} MiB, ${now.connections} connections`,
    );
  }
  console.log(`the load: ${await done}`);
  await new Promise((resolve) => setTimeout(resolve, 3000)); // the last ones are still leaving
  const after = await state();

  const warm = samples.slice(Math.ceil(samples.length / 10), -1).map(({ heapUsed }) => heapUsed);
  const third = Math.floor(warm.length / 3);
  const [first, last] = [median(warm.slice(0, third)), median(warm.slice(-third))];
  console.log(
    `heap: ${mib(before.heapUsed)} MiB before, ${mib(first)} in the first third, ` +
      `${mib(last)} in the last, ${mib(after.heapUsed)} after`,
  );
  console.log(
    `left: ${after.connections} connections, ${JSON.stringify(after.resources)}; ` +
      `before: ${JSON.stringify(before.resources)}`,
  );
  const grew = last > first * 1.05 + 2 ** 20;
  const sockets = (held: State) =>
    Object.entries(held.resources).filter(([name]) => /TCPSocket|TLS|Timeout/.test(name))
      .reduce((sum, [, count]) => sum + count, 0);
  const kept = after.connections > 0 || sockets(after) > sockets(before);
  failed = grew || kept;
  console.log(
    failed ? `FAILED: ${grew ? "the heap grew" : "something is left"}` : "nothing is left",
  );
} finally {
  server.child.stdin!.end();
  await server.lines.ended;
  await setup.remove();
}
process.exit(failed ? 1 : 0);
