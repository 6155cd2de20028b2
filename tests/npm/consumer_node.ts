// Like consumer.ts, with @types/node installed: what touches node:http and its kin.
import http from "node:http";
import { WebSocketError } from "fullduplex";

export const server: http.Server = http.createServer();
server.on("clientError", (error) => {
  if (error instanceof WebSocketError) console.error(error.code);
});
