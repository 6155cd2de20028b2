/** The runtime's own `WebSocket`. */
import { runClient } from "./client.ts";

await runClient((url, onMessage) => {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", onMessage);
  return new Promise((resolve, reject) => {
    socket.addEventListener("error", reject);
    socket.addEventListener("open", () =>
      resolve({
        send: (data) => socket.send(data as Uint8Array<ArrayBuffer>),
      }));
  });
});
