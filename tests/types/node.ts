// The README's server for Node.js, checked with @types/node (scripts/check_types.ts).
import http from "node:http";
import type { WebSocketConnection } from "fullduplex";
import { onUpgrade } from "fullduplex/node";

async function echo(socket: WebSocketConnection): Promise<void> {
  for await (const message of socket) await socket.send(message);
}

http.createServer().on("upgrade", onUpgrade(echo, { protocols: ["chat"] })).listen(0);
