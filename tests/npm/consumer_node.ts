// Like consumer.ts, with @types/node installed: what touches node:http and its kin.
import http from "node:http";
import https from "node:https";
import { onUpgrade, upgradeWebSocket } from "fullduplex/node";
import { WebSocketError } from "fullduplex";
import { echo } from "./consumer.js";

export const server: http.Server = http.createServer();
server.on("upgrade", onUpgrade(echo, { protocols: ["chat"] }));

export const secure: https.Server = https.createServer();
secure.on("upgrade", async (request, socket, head) => {
  const connection = await upgradeWebSocket(request, socket, head);
  await connection.send("welcome");
});

server.on("clientError", (error) => {
  if (error instanceof WebSocketError) console.error(error.code);
});
