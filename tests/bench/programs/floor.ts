/**
 * The floor under every WebSocket server on `node:http`: it takes the bytes of a workload, looks at
 * none of them, and sends back as many as an echo would, one write for each chunk that came. What
 * it reaches no server on the same sockets can pass.
 *
 * With "unmask" it also does what an echo of short messages must: it unmasks each into a reply behind
 * a header, all of a chunk in one buffer. It makes nothing of a message that could be handed out, and
 * does not look at the headers that come.
 *
 * With "gather" it also does what a server must that hands out whole messages which span chunks: it
 * unmasks each chunk, in words of 64 bits, and copies it into memory of the message's own, which goes
 * back behind a header. It does not look at the header that comes.
 *
 * Arguments: "echo", "unmask" or "gather", the bytes of a message as it comes, and of the reply its first bytes
 * in hexadecimal and its length.
 */
import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import http from "node:http";
import process from "node:process";
import type { Duplex } from "node:stream";
import { ready } from "./program.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const [task, message, start, replied] = process.argv.slice(-4);
const messageBytes = Number(message);
const head = Buffer.from(start, "hex");
const reply = Buffer.alloc(Number(replied));
head.copy(reply);
/** As many replies as one chunk of 64 KiB can ask for, so that they go out as one view. */
const most = Math.max(1, Math.ceil(65536 / messageBytes) + 1);
const replies = Buffer.concat(Array(most).fill(reply));

/** Some key: what is unmasked with it does not matter. */
const KEY = 0x37fa213d37fa213dn;

function unmask(chunk: Uint8Array): void {
  const at = (8 - (chunk.byteOffset & 7)) & 7;
  const count = Math.max(0, (chunk.length - at) >> 3) & ~7;
  const words = new BigUint64Array(chunk.buffer, chunk.byteOffset + at, count);
  for (let i = 0; i < count; i += 8) {
    words[i] ^= KEY;
    words[i + 1] ^= KEY;
    words[i + 2] ^= KEY;
    words[i + 3] ^= KEY;
    words[i + 4] ^= KEY;
    words[i + 5] ^= KEY;
    words[i + 6] ^= KEY;
    words[i + 7] ^= KEY;
  }
}

/** Answers as many messages as have come. */
function answer(socket: Duplex): (chunk: Uint8Array) => void {
  let got = 0;
  return (chunk) => {
    got += chunk.length;
    if (got < messageBytes) return;
    const count = Math.floor(got / messageBytes);
    got -= count * messageBytes;
    socket.write(replies.subarray(0, count * reply.length));
  };
}

/** Unmasks each message into its reply. */
function unmaskEach(socket: Duplex): (chunk: Uint8Array) => void {
  const payloadBytes = reply.length - head.length;
  const before = messageBytes - payloadBytes; // the header and the key
  let rest: Uint8Array = new Uint8Array(0);
  return (chunk) => {
    const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const count = Math.floor(data.length / messageBytes);
    rest = data.subarray(count * messageBytes);
    if (count === 0) return;
    const out = Buffer.allocUnsafe(count * reply.length);
    let to = 0;
    for (let n = 0, at = before; n < count; n++, at += messageBytes) {
      for (let i = 0; i < head.length; i++) out[to++] = head[i];
      const k0 = data[at - 4], k1 = data[at - 3], k2 = data[at - 2], k3 = data[at - 1];
      for (let i = at; i < at + payloadBytes; i += 4, to += 4) { // the workloads' are whole fours
        out[to] = data[i] ^ k0;
        out[to + 1] = data[i + 1] ^ k1;
        out[to + 2] = data[i + 2] ^ k2;
        out[to + 3] = data[i + 3] ^ k3;
      }
    }
    socket.write(out);
  };
}

/** Gathers each message, and sends it back. */
function gather(socket: Duplex): (chunk: Uint8Array) => void {
  let bytes: Uint8Array | undefined;
  let at = 0;
  return (chunk) => {
    unmask(chunk);
    for (let from = 0; from < chunk.length;) {
      bytes ??= new Uint8Array(Buffer.allocUnsafeSlow(messageBytes).buffer);
      const part = chunk.subarray(from, from + messageBytes - at);
      bytes.set(part, at);
      at += part.length;
      from += part.length;
      if (at < messageBytes) return;
      socket.cork();
      socket.write(head);
      socket.write(bytes.subarray(0, reply.length - head.length));
      socket.uncork();
      bytes = undefined;
      at = 0;
    }
  };
}

const tasks: Record<string, (socket: Duplex) => (chunk: Uint8Array) => void> = {
  echo: answer,
  unmask: unmaskEach,
  gather,
};
const server = http.createServer();
server.on("upgrade", (request, socket) => {
  socket.on("error", () => {});
  socket.on("data", tasks[task](socket));
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${
        hash("sha1", request.headers["sec-websocket-key"] + GUID, "base64")
      }` +
      "\r\n\r\n",
  );
});
server.listen(0, "127.0.0.1", () => ready((server.address() as { port: number }).port));
