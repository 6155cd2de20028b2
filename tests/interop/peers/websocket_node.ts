/**
 * The peer WebSocket-Node, the package `websocket`.
 * @module
 */

import { Buffer } from "node:buffer";
import http from "node:http";
import websocket from "websocket";
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

/** Its own limits are smaller than the messages of the suite. */
const LIMITS = { maxReceivedFrameSize: 4 << 20, maxReceivedMessageSize: 4 << 20 };

// deno-lint-ignore no-explicit-any
function wrap(connection: any): PeerSocket {
  const inbox = new Inbox<string | Uint8Array>();
  const pings = new Inbox<string>();
  const pongs = new Inbox<string>();
  const closing = new Closing();
  // deno-lint-ignore no-explicit-any
  connection.on("message", (message: any) => {
    inbox.push(message.type === "utf8" ? message.utf8Data : plain(message.binaryData));
  });
  connection.on("ping", (_cancel: () => void, payload: Uint8Array) => {
    pings.push(payload.toString());
  });
  connection.on("pong", (payload: Uint8Array) => pongs.push(payload.toString()));
  connection.on("error", () => {});
  connection.on("close", (code: number, reason: string) => {
    // Its description of a code stands in for a reason that was not given.
    closing.resolve({ code, reason });
  });
  return {
    protocol: connection.protocol ?? "",
    extensions: connection.extensions?.map(String).join() ?? "",
    inbox,
    pings,
    pongs,
    closed: closing.closed,
    send(data) {
      if (typeof data === "string") connection.sendUTF(data);
      else connection.sendBytes(Buffer.from(data));
    },
    sendFragments(parts) {
      parts.forEach((part, i) => {
        const frame = new websocket.frame(connection.maskBytes, connection.frameHeader, LIMITS);
        frame.opcode = i === 0 ? 1 : 0;
        frame.fin = i === parts.length - 1;
        frame.binaryPayload = Buffer.from(part);
        connection.sendFrame(frame);
      });
    },
    ping: (payload) => connection.ping(payload),
    close: (code, reason) => connection.close(code, reason),
  };
}

export const websocketNodeClient: PeerClient = {
  name: "websocket",
  closeAnswer: 1000, // websocket 1.0.35 answers any valid close code with 1000
  connect: (url, { protocols = [], headers, ca } = {}) =>
    new Promise((resolve, reject) => {
      const client = new websocket.client({ ...LIMITS, tlsOptions: { ca } });
      // deno-lint-ignore no-explicit-any
      client.on("connect", (connection: any) => resolve(wrap(connection)));
      client.on("connectFailed", (error: Error) => {
        const status = /non-101 status: (\d+)/.exec(error.message)?.[1];
        reject(new PeerRefusal(error.message, status === undefined ? undefined : Number(status)));
      });
      client.connect(url, protocols, undefined, headers);
    }),
};

export const websocketNodeServer: PeerServer = {
  name: "websocket",
  closeAnswer: 1000, // websocket 1.0.35 answers any valid close code with 1000
  refusal: { headers: true, body: false },
  async listen(onSocket) {
    const httpServer = http.createServer();
    const server = new websocket.server({
      httpServer,
      autoAcceptConnections: false,
      keepalive: false,
      fragmentationThreshold: 1000, // larger messages go out as fragments
      ...LIMITS,
    });
    // deno-lint-ignore no-explicit-any
    server.on("request", (request: any) => {
      if (request.resource === "/refused") {
        return request.reject(403, "no", { "X-Why": "test" });
      }
      const offered: string[] = request.requestedProtocols;
      onSocket(wrap(request.accept(offered.includes("v2.chat") ? "v2.chat" : null)));
    });
    return await listenLocally(httpServer);
  },
};
