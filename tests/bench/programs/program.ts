/**
 * What every server of the benches has in common: it says its port, tells its heap when asked, and
 * ends when its parent does.
 *
 * Argument: "echo" or "broadcast", what to do with messages; and "deflate" to
 * negotiate compression ("no-takeover": without a context that lives on).
 *
 * @module
 */

import process from "node:process";

/** Whether messages go to all connections instead of back. */
export const BROADCAST: boolean = process.argv.includes("broadcast");

/** Whether permessage-deflate is to be negotiated. */
export const DEFLATE: boolean = process.argv.includes("deflate");

/** Whether it is to be negotiated without context takeover. */
export const NO_TAKEOVER: boolean = process.argv.includes("no-takeover");

/** Large enough for every workload. */
export const MAX_MESSAGE_BYTES: number = 16 * 1024 * 1024;

/** Says that the server listens, and obeys its parent from then on. */
export function ready(port: number): void {
  process.stdout.write(`PORT ${port}\n`);
  process.stdin.on("data", () => {
    collect();
    const { heapUsed, external, arrayBuffers } = process.memoryUsage();
    process.stdout.write(`MEMORY ${JSON.stringify({ heapUsed, external, arrayBuffers })}\n`);
  });
  process.stdin.on("end", () => process.exit(0));
}

function collect(): void {
  const scope = globalThis as { gc?: () => void; Bun?: { gc(force: boolean): void } };
  if (scope.Bun !== undefined) scope.Bun.gc(true);
  else for (let i = 0; i < 3; i++) scope.gc?.();
}
