/**
 * `acceptWebSocket` over the Web Streams of a TCP socket; it has the `for await` form alone. The Node
 * adapter is there for what it brings along: memory that is not zeroed, and words of 64 bits.
 */
import net from "node:net";
import { Duplex } from "node:stream";
import { acceptWebSocket, type ByteStreamPair } from "../../../src/api/stream.ts";
import "../../../src/adapters/node/mod.ts";
import { ready } from "./program.ts";

const server = net.createServer({ noDelay: true }, async (connection) => {
  try {
    const socket = await acceptWebSocket(Duplex.toWeb(connection) as ByteStreamPair);
    for await (const message of socket) await socket.send(message);
  } catch {
    // The load has ended.
  }
});
server.listen(0, "127.0.0.1", () => ready((server.address() as net.AddressInfo).port));
