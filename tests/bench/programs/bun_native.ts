/** Bun's own WebSocket, bare. */
import { bun, type NativeSocket } from "./bun_types.ts";
import { BROADCAST, DEFLATE, MAX_MESSAGE_BYTES, ready } from "./program.ts";

const server = bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: (request: Request, server: { upgrade(request: Request): boolean }) =>
    server.upgrade(request) ? undefined : new Response("no", { status: 400 }),
  websocket: {
    maxPayloadLength: MAX_MESSAGE_BYTES,
    perMessageDeflate: DEFLATE,
    open: (socket: NativeSocket) => BROADCAST ? socket.subscribe("all") : undefined,
    message: BROADCAST
      ? (_socket: NativeSocket, data: string | Uint8Array) => void server.publish("all", data)
      : DEFLATE
      ? (socket: NativeSocket & { send(data: unknown, compress: boolean): number }, data: string) =>
        void socket.send(data, true)
      : (socket: NativeSocket, data: string | Uint8Array) => void socket.send(data),
  },
});
ready(server.port);
