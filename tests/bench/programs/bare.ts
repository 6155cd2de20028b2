/**
 * The floor under every server on `node:http`: sockets that were upgraded, and no WebSocket at all.
 * It takes part where connections are idle.
 */
import { hash } from "node:crypto";
import http from "node:http";
import { ready } from "./program.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const sockets = new Set<unknown>();

const server = http.createServer();
server.on("upgrade", (request, socket) => {
  sockets.add(socket);
  socket.on("error", () => {});
  socket.on("data", () => {});
  socket.on("close", () => sockets.delete(socket));
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${
        hash("sha1", request.headers["sec-websocket-key"] + GUID, "base64")
      }` +
      "\r\n\r\n",
  );
});
server.listen(0, "127.0.0.1", () => ready((server.address() as { port: number }).port));
