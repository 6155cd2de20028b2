/**
 * The peer `faye-websocket`.
 * @module
 */

import { Buffer } from "node:buffer";
import http from "node:http";
import faye from "faye-websocket";
import { Inbox } from "../../adapters/support/waiting.ts";
import { listenLocally } from "../http_server.ts";
import {
  Closing,
  type PeerClient,
  PeerRefusal,
  type PeerServer,
  type PeerSocket,
  plain,
} from "../peer.ts";

// deno-lint-ignore no-explicit-any
function wrap(socket: any): PeerSocket {
  const inbox = new Inbox<string | Uint8Array>();
  const pongs = new Inbox<string>();
  const closing = new Closing();
  socket.on("message", ({ data }: { data: string | Uint8Array }) => {
    inbox.push(typeof data === "string" ? data : plain(data));
  });
  socket.on("error", () => {});
  socket.on("close", (event: { code: number; reason: string }) => {
    closing.resolve({ code: event.code, reason: event.reason });
  });
  return {
    get protocol() {
      return socket.protocol;
    },
    extensions: "",
    inbox,
    pings: undefined,
    pongs,
    closed: closing.closed,
    send: (data) => socket.send(typeof data === "string" ? data : Buffer.from(data)),
    ping: (payload) => socket.ping(payload, () => pongs.push(payload)),
    close: (code, reason) => socket.close(code, reason),
  };
}

export const fayeClient: PeerClient = {
  name: "faye-websocket",
  connect: (url, { protocols = [], headers, ca, ...more } = {}) =>
    new Promise((resolve, reject) => {
      const socket = new faye.Client(url, protocols, { headers, tls: { ca }, ...more });
      const wrapped = wrap(socket);
      socket.on("open", () => resolve(wrapped));
      wrapped.closed.then(() => {
        reject(new PeerRefusal("closed before it was open", socket.statusCode));
      });
    }),
};

export const fayeServer: PeerServer = {
  name: "faye-websocket",
  async listen(onSocket) {
    const server = http.createServer();
    server.on("upgrade", (request, socket, head) => {
      if (request.url === "/refused" || !faye.isWebSocket(request)) {
        socket.end(
          "HTTP/1.1 403 Forbidden\r\nX-Why: test\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n",
        );
        return;
      }
      const peer = new faye(request, socket, head, ["v2.chat"]);
      const wrapped = wrap(peer);
      peer.on("open", () => onSocket(wrapped));
    });
    return await listenLocally(server);
  },
};
