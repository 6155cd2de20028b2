/** The peer `ws`: bytes go back as they came, without being made a string of in between. */
import { WebSocketServer } from "ws";
import { BROADCAST, DEFLATE, NO_TAKEOVER, ready } from "./program.ts";

const server = new WebSocketServer({
  port: 0,
  host: "127.0.0.1",
  perMessageDeflate: DEFLATE ? { threshold: 0, serverNoContextTakeover: NO_TAKEOVER } : false,
}, () => ready(server.address().port));

// deno-lint-ignore no-explicit-any -- the package has no types
server.on("connection", (socket: any) => {
  socket.on("error", () => {});
  socket.on("message", (data: Uint8Array, binary: boolean) => {
    if (!BROADCAST) return socket.send(data, { binary });
    for (const member of server.clients) member.send(data, { binary });
  });
});
