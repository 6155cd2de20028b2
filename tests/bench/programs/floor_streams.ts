/**
 * The floor under every server over the Web Streams of a socket on Node: it takes the bytes of a
 * workload, looks at none of them, and sends back as many as an echo would, each time as a chunk of
 * its own, for whoever reads a stream may keep or change what it gets.
 *
 * Arguments: "streams", the bytes of a message as it comes, and of the reply its first bytes in
 * hexadecimal and its length.
 */
import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import net from "node:net";
import process from "node:process";
import { Duplex } from "node:stream";
import type { ByteStreamPair } from "../../../src/api/stream.ts";
import { ready } from "./program.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const [message, start, replied] = process.argv.slice(-3);
const messageBytes = Number(message);
const reply = Buffer.alloc(Number(replied));
Buffer.from(start, "hex").copy(reply);
const most = Math.max(1, Math.ceil(65536 / messageBytes) + 1);
const replies = Buffer.concat(Array(most).fill(reply));

async function serve({ readable, writable }: ByteStreamPair): Promise<void> {
  const reader = readable.getReader();
  const writer = writable.getWriter();
  let head = "";
  while (!head.includes("\r\n\r\n")) {
    const { value, done } = await reader.read();
    if (done) return;
    head += Buffer.from(value).toString("latin1");
  }
  const key = /Sec-WebSocket-Key: (\S+)/i.exec(head)![1];
  void writer.write(Buffer.from(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${hash("sha1", key + GUID, "base64")}\r\n\r\n`,
  ));
  for (let got = 0;;) {
    const { value, done } = await reader.read();
    if (done) return;
    got += value.length;
    if (got < messageBytes) continue;
    const count = Math.floor(got / messageBytes);
    got -= count * messageBytes;
    writer.write(new Uint8Array(replies.subarray(0, count * reply.length))).catch(() => {});
  }
}

const server = net.createServer({ noDelay: true }, (connection) => {
  serve(Duplex.toWeb(connection) as ByteStreamPair).catch(() => {}); // the load has ended
});
server.listen(0, "127.0.0.1", () => ready((server.address() as net.AddressInfo).port));
