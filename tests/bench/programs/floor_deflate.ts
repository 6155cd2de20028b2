/**
 * The floor under every server on `node:http` that inflates and deflates each message with Node's
 * zlib: it does that, in contexts that all connections share, at the level that `serve()` has by
 * default, and nothing else. It makes no string, and sends back what it got.
 */
import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import http from "node:http";
import { ZlibContext } from "../../../src/adapters/zlib/context.ts";
import { ready } from "./program.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** What one message of 126 to 65,535 bytes has before its payload: a header, and the masking key. */
const HEADER_BYTES = 4;
const KEY_BYTES = 4;

/** What was left out of the message, and an empty final block, with which zlib stops. */
const TAIL = Uint8Array.of(0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff);
/** What is left out of the reply. */
const FLUSH_BYTES = 4;

const inflate = new ZlibContext("inflate", { windowBits: 15, chunkSize: 64 });
const deflate = new ZlibContext("deflate", {
  windowBits: 11,
  level: 1,
  memLevel: 4,
  chunkSize: 64,
});
const packed = new Uint8Array(65536 + TAIL.length);
const plain = new Uint8Array(65536);
const repacked = new Uint8Array(65536);

/** Answers one message, which is all of a chunk. */
function answer(chunk: Uint8Array): Uint8Array {
  const start = HEADER_BYTES + KEY_BYTES;
  const end = chunk.length - start;
  for (let i = 0; i < end; i++) packed[i] = chunk[start + i] ^ chunk[HEADER_BYTES + (i & 3)];
  packed.set(TAIL, end);
  const plainBytes = inflate.run(packed.subarray(0, end + TAIL.length), 0, plain, 0);
  inflate.reset();
  const size = deflate.run(plain.subarray(0, plainBytes), 0, repacked, 0) - FLUSH_BYTES;
  deflate.reset();
  const reply = Buffer.allocUnsafe(HEADER_BYTES + size);
  reply.writeUInt32BE((0xc17e << 16 | size) >>> 0); // FIN, RSV1, text, and a length of 16 bits
  reply.set(repacked.subarray(0, size), HEADER_BYTES);
  return reply;
}

const server = http.createServer();
server.on("upgrade", (request, socket) => {
  socket.on("error", () => {});
  socket.on("data", (chunk: Uint8Array) => {
    const length = HEADER_BYTES + KEY_BYTES + (chunk[2] << 8 | chunk[3]);
    if (chunk.length !== length) throw new Error("a chunk is not one message");
    socket.write(answer(chunk));
  });
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; " +
      "client_no_context_takeover\r\n" +
      `Sec-WebSocket-Accept: ${
        hash("sha1", request.headers["sec-websocket-key"] + GUID, "base64")
      }\r\n\r\n`,
  );
});
server.listen(0, "127.0.0.1", () => ready((server.address() as { port: number }).port));
