// The README's server for Deno, checked with Deno's types (scripts/check_types.ts).
import type { WebSocketConnection } from "@fullduplex/ws";
import { upgradeWebSocket } from "@fullduplex/ws/deno";

async function echo(socket: WebSocketConnection): Promise<void> {
  for await (const message of socket) await socket.send(message);
}

Deno.serve((request) => upgradeWebSocket(request, echo));
