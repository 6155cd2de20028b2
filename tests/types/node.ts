// The README's server for Node.js, checked with @types/node (scripts/check_types.ts).
import http from "node:http";
import type { WebSocketConnection } from "fullduplex";
import { onUpgrade } from "fullduplex/node";
import { createLog, isEventSource, onEventSource } from "fullduplex/server";

async function echo(socket: WebSocketConnection): Promise<void> {
  for await (const message of socket) await socket.send(message);
}

const log = createLog();
const events = onEventSource({ open: (source) => source.send("hello") }, { onError: log.onError });
http.createServer((request, response) => {
  if (isEventSource(request)) events(request, response);
}).on("upgrade", onUpgrade(echo, { protocols: ["chat"], observer: log })).listen(0);
