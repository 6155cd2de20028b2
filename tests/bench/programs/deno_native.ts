/** Deno's own WebSocket, bare. */
import { BROADCAST, ready } from "./program.ts";

const members = new Set<WebSocket>();

Deno.serve({
  port: 0,
  hostname: "127.0.0.1",
  onListen: ({ port }) => ready(port),
}, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.binaryType = "arraybuffer";
  if (BROADCAST) {
    socket.onopen = () => members.add(socket);
    socket.onclose = () => members.delete(socket);
    socket.onmessage = ({ data }) => {
      for (const member of members) member.send(data);
    };
  } else {
    socket.onmessage = ({ data }) => socket.send(data);
  }
  socket.onerror = () => {};
  return response;
});
