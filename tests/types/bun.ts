// The README's server for Bun, checked with bun-types (scripts/check_types.ts).
import type { WebSocketConnection } from "@fullduplex/ws";
import { createWebSocket, upgradeWebSocket, websocket } from "@fullduplex/ws/bun";

async function echo(socket: WebSocketConnection): Promise<void> {
  for await (const message of socket) await socket.send(message);
}

Bun.serve({ websocket, fetch: (request, server) => upgradeWebSocket(request, server, echo) });

// With settings of its own, routes beside it, and every option that the adapter takes.
const large = createWebSocket({ maxMessageBytes: 64 * 1024 * 1024 });
Bun.serve({
  websocket: large,
  fetch(request, server) {
    if (new URL(request.url).pathname !== "/chat") return new Response("plain HTTP");
    return upgradeWebSocket(request, server, {
      open: (socket) => socket.send(socket.capabilities.engine),
      message: (socket, data) => socket.trySend(data),
    }, { protocols: ["chat"], maxMessageBytes: 64 * 1024 * 1024, headers: { "x-a": "1" } });
  },
});

// @ts-expect-error: the server is not left out, for Bun upgrades with it
Bun.serve({ websocket, fetch: (request) => upgradeWebSocket(request, echo) });
