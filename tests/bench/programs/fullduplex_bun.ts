/** The plugin for `Bun.serve`. */
import {
  type BunServer,
  upgradeWebSocket,
  websocket,
  type WebSocketConnection,
} from "../../../src/adapters/bun/mod.ts";
import { bun } from "./bun_types.ts";
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

const server = bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  websocket,
  fetch: (request: Request, server: BunServer) => upgradeWebSocket(request, server, handler),
});
ready(server.port);
