/** `serve()` with callbacks: the whole engine, on any runtime. */
import { prepareMessage } from "../../../mod.ts";
import { serve, type WebSocketConnection } from "../../../src/adapters/serve.ts";
import { BROADCAST, DEFLATE, ready } from "./program.ts";

const members = new Set<WebSocketConnection>();

const server = await serve(
  BROADCAST
    ? {
      open: (socket) => void members.add(socket),
      close: (socket) => void members.delete(socket),
      message(_socket, data) {
        const message = prepareMessage(data);
        for (const member of members) member.trySend(message);
      },
    }
    : { message: (socket, data) => void socket.send(data) },
  { port: 0, compression: DEFLATE },
);
ready(server.port);
