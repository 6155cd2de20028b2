/** The peer WebSocket-Node, the package `websocket`. */
import http from "node:http";
import type { AddressInfo } from "node:net";
import websocket from "websocket";
import { BROADCAST, MAX_MESSAGE_BYTES, ready } from "./program.ts";

const server = http.createServer();
const sockets = new websocket.server({
  httpServer: server,
  autoAcceptConnections: true,
  maxReceivedFrameSize: MAX_MESSAGE_BYTES,
  maxReceivedMessageSize: MAX_MESSAGE_BYTES,
  fragmentOutgoingMessages: false,
});

// deno-lint-ignore no-explicit-any -- the package has no types
sockets.on("connect", (connection: any) => {
  connection.on("error", () => {});
  connection.on(
    "message",
    (message: { type: string; utf8Data: string; binaryData: Uint8Array }) => {
      const data = message.type === "utf8" ? message.utf8Data : message.binaryData;
      for (const member of BROADCAST ? sockets.connections : [connection]) member.send(data);
    },
  );
});
server.listen(0, "127.0.0.1", () => ready((server.address() as AddressInfo).port));
