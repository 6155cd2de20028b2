// The README's server for Bun, checked with bun-types (scripts/check_types.ts).
import type { WebSocketConnection } from "@fullduplex/ws";
import { upgradeWebSocket, websocket } from "@fullduplex/ws/bun";

async function echo(socket: WebSocketConnection): Promise<void> {
  for await (const message of socket) await socket.send(message);
}

Bun.serve({ websocket, fetch: (request, server) => upgradeWebSocket(request, server, echo) });
