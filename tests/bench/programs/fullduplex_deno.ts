/** The adapter for `Deno.serve`. */
import { upgradeWebSocket, type WebSocketConnection } from "../../../src/adapters/deno/mod.ts";
import { BROADCAST, ready } from "./program.ts";

const members = new Set<WebSocketConnection>();
const handler = BROADCAST
  ? {
    open: (socket: WebSocketConnection) => void members.add(socket),
    close: (socket: WebSocketConnection) => void members.delete(socket),
    message(_socket: WebSocketConnection, data: string | Uint8Array) {
      for (const member of members) member.trySend(data);
    },
  }
  : {
    message: (socket: WebSocketConnection, data: string | Uint8Array) => void socket.send(data),
  };

Deno.serve({
  port: 0,
  hostname: "127.0.0.1",
  onListen: ({ port }) => ready(port),
}, (request) => upgradeWebSocket(request, handler));
