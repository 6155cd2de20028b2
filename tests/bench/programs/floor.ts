/**
 * The floor under every WebSocket server on `node:http`: it takes the bytes of a workload, looks at
 * none of them, and sends back as many as an echo would, one write for each chunk that came. What
 * it reaches no server on the same sockets can pass.
 *
 * Arguments: "echo", the bytes of a message as it comes, and the reply in hexadecimal of its first
 * bytes, then its length.
 */
import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import http from "node:http";
import process from "node:process";
import { ready } from "./program.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const [messageBytes, start, replyBytes] = process.argv.slice(-3);
const reply = Buffer.alloc(Number(replyBytes));
Buffer.from(start, "hex").copy(reply);
/** As many replies as one chunk of 64 KiB can ask for, so that they go out as one view. */
const most = Math.max(1, Math.ceil(65536 / Number(messageBytes)) + 1);
const replies = Buffer.concat(Array(most).fill(reply));

const server = http.createServer();
server.on("upgrade", (request, socket) => {
  let got = 0;
  socket.on("error", () => {});
  socket.on("data", (chunk: Uint8Array) => {
    got += chunk.length;
    if (got < Number(messageBytes)) return;
    const count = Math.floor(got / Number(messageBytes));
    got -= count * Number(messageBytes);
    socket.write(replies.subarray(0, count * reply.length));
  });
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${
        hash("sha1", request.headers["sec-websocket-key"] + GUID, "base64")
      }` +
      "\r\n\r\n",
  );
});
server.listen(0, "127.0.0.1", () => ready((server.address() as { port: number }).port));
