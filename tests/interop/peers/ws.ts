/**
 * The peer `ws`. Its client offers permessage-deflate unless it is told not to.
 * @module
 */

import http from "node:http";
import { WebSocket, WebSocketServer } from "ws";
import { Inbox } from "../../adapters/support/waiting.ts";
import {
  Closing,
  type PeerClient,
  PeerRefusal,
  type PeerServer,
  type PeerSocket,
  plain,
} from "../peer.ts";
import { listenLocally } from "../http_server.ts";

// deno-lint-ignore no-explicit-any
function wrap(socket: any): PeerSocket {
  const inbox = new Inbox<string | Uint8Array>();
  const pings = new Inbox<string>();
  const pongs = new Inbox<string>();
  const closing = new Closing();
  socket.on("message", (data: Uint8Array, binary: boolean) => {
    inbox.push(binary ? plain(data) : data.toString());
  });
  socket.on("ping", (payload: Uint8Array) => pings.push(payload.toString()));
  socket.on("pong", (payload: Uint8Array) => pongs.push(payload.toString()));
  socket.on("error", () => {});
  socket.on("close", (code: number, reason: Uint8Array) => {
    closing.resolve({ code, reason: reason.toString() });
  });
  return {
    get protocol() {
      return socket.protocol;
    },
    get extensions() {
      return socket.extensions;
    },
    inbox,
    pings,
    pongs,
    closed: closing.closed,
    send: (data) => socket.send(data),
    sendFragments(parts) {
      parts.forEach((part, i) => socket.send(part, { fin: i === parts.length - 1 }));
    },
    ping: (payload) => socket.ping(payload),
    close: (code, reason) => socket.close(code, reason),
  };
}

export const wsClient: PeerClient = {
  name: "ws",
  connect: (url, { protocols = [], headers, ca } = {}) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(url, protocols, { headers, ca });
      const wrapped = wrap(socket);
      socket.on("open", () => resolve(wrapped));
      socket.on("error", (error: Error) => reject(new PeerRefusal(error.message)));
      // deno-lint-ignore no-explicit-any
      socket.on("unexpected-response", (request: any, response: any) => {
        let body = "";
        response.on("data", (chunk: Uint8Array) => body += chunk);
        response.on("end", () => {
          request.destroy();
          reject(new PeerRefusal("unexpected response", response.statusCode, body));
        });
      });
    }),
};

export const wsServer: PeerServer = {
  name: "ws",
  async listen(onSocket) {
    const server = http.createServer();
    const peer = new WebSocketServer({
      noServer: true,
      perMessageDeflate: true,
      handleProtocols: (offered: Set<string>) => offered.has("v2.chat") ? "v2.chat" : false,
    });
    server.on("upgrade", (request, socket, head) => {
      if (request.url === "/refused") {
        socket.end(
          "HTTP/1.1 403 Forbidden\r\nX-Why: test\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n",
        );
        return;
      }
      // deno-lint-ignore no-explicit-any
      peer.handleUpgrade(request, socket, head, (socket: any) => onSocket(wrap(socket)));
    });
    return await listenLocally(server);
  },
};
