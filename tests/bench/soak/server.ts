/** The server of the soak: an echo that tells what its process still holds. */
import process from "node:process";
import { serve } from "../../../src/adapters/serve.ts";

const server = await serve({ message: (socket, data) => void socket.send(data) }, {
  port: 0,
  compression: true,
  onError: () => {}, // the load makes errors on purpose
});
process.stdout.write(`PORT ${server.port}\n`);

function collect(): void {
  const scope = globalThis as { gc?: () => void; Bun?: { gc(force: boolean): void } };
  if (scope.Bun !== undefined) scope.Bun.gc(true);
  else for (let i = 0; i < 3; i++) scope.gc?.();
}

process.stdin.on("data", () => {
  collect();
  const { heapUsed, rss } = process.memoryUsage();
  const resources: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo?.() ?? []) {
    resources[name] = (resources[name] ?? 0) + 1;
  }
  const connections = server.connections.size;
  process.stdout.write(`STATE ${JSON.stringify({ heapUsed, rss, connections, resources })}\n`);
});
process.stdin.on("end", () => process.exit(0));
