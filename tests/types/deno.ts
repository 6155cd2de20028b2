// The README's server for Deno, checked with Deno's types (scripts/check_types.ts).
import type { WebSocketConnection } from "@fullduplex/ws";
import { ReconnectingWebSocket, WebSocket } from "@fullduplex/ws/client";
import { upgradeWebSocket } from "@fullduplex/ws/deno";

async function echo(socket: WebSocketConnection): Promise<void> {
  for await (const message of socket) await socket.send(message);
}

Deno.serve((request) => upgradeWebSocket(request, echo));

// With the peer's address, routes beside it, and options.
Deno.serve({ port: 0 }, (request, info) => {
  if (new URL(request.url).pathname !== "/chat") return new Response("plain HTTP");
  return upgradeWebSocket(
    request,
    {
      open: (socket) => socket.send(`${socket.remoteAddress} ${socket.capabilities.engine}`),
      message: (socket, data) => socket.trySend(data),
    },
    { protocols: ["chat"], headers: { "x-a": "1" } },
    info,
  );
});

// @ts-expect-error: options come before info
Deno.serve((request, info) => upgradeWebSocket(request, echo, info));

// The clients' classes stand where the platform's own is asked for.
export const sockets: globalThis.WebSocket[] = [
  new WebSocket("ws://localhost"),
  new ReconnectingWebSocket("ws://localhost"),
];
