/** `acceptWebSocket` over the Web Streams of a TCP socket; it has the `for await` form alone. */
import net from "node:net";
import { Duplex } from "node:stream";
import { acceptWebSocket, type ByteStreamPair } from "../../../src/api/stream.ts";
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
