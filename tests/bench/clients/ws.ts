/** The client of `ws`. */
import { WebSocket } from "ws";
import { runClient } from "./client.ts";

await runClient((url, onMessage) => {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  socket.on("message", onMessage);
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("open", () => resolve(socket));
  });
});
