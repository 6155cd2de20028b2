// The README's server for Node.js, checked with @types/node (scripts/check_types.ts).
import http from "node:http";
import type { WebSocketConnection } from "fullduplex";
import { ReconnectingWebSocket, WebSocket } from "fullduplex/client";
import { createFallback } from "fullduplex/fallback";
import { FallbackWebSocket } from "fullduplex/fallback/client";
import { onUpgrade } from "fullduplex/node";
import { createLog, isEventSource, onEventSource } from "fullduplex/server";

async function echo(socket: WebSocketConnection): Promise<void> {
  for await (const message of socket) await socket.send(message);
}

const log = createLog();
const events = onEventSource({ open: (source) => source.send("hello") }, { onError: log.onError });
const fallback = createFallback(echo, { protocols: ["chat"], observer: log });
http.createServer((request, response) => {
  if (fallback.handles(request)) fallback.onRequest(request, response);
  else if (isEventSource(request)) events(request, response);
}).on("upgrade", onUpgrade(echo, { protocols: ["chat"], observer: log })).listen(0);

// The clients' classes stand where the platform's own is asked for, and know their events better.
const classes: (typeof globalThis.WebSocket)[] = [
  WebSocket,
  ReconnectingWebSocket,
  FallbackWebSocket,
];
const sockets: globalThis.WebSocket[] = [new WebSocket("ws://localhost")];
sockets.push(new ReconnectingWebSocket("ws://localhost"), ...classes.map((Own) => new Own("")));
const own = new WebSocket("ws://localhost", [], { headers: { "x-a": "1" } });
own.onopen = function () {
  this.send("hello");
};
own.onerror = ({ error }) => console.error(error);
own.onclose = ({ code, reason }) => console.log(code.toFixed(), reason.length);
own.addEventListener("message", ({ data }) => console.log(data), { once: true });
