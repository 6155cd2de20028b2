/**
 * Clients with the API of the WHATWG: undici's and the runtimes' own.
 * @module
 */

import { Inbox } from "../../adapters/support/waiting.ts";
import { Closing, type PeerClient, PeerRefusal, type PeerSocket, plain } from "../peer.ts";

/** A WebSocket class of the WHATWG's kind. */
export type StandardWebSocket = new (
  url: string,
  // deno-lint-ignore no-explicit-any -- undici, Deno and Bun take options here; browsers do not
  protocols?: any,
) => WebSocket;

function wrap(socket: WebSocket): PeerSocket {
  const inbox = new Inbox<string | Uint8Array>();
  const closing = new Closing();
  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", ({ data }: MessageEvent) => {
    inbox.push(typeof data === "string" ? data : plain(data));
  });
  socket.addEventListener("close", ({ code, reason }: CloseEvent) => {
    closing.resolve({ code, reason });
  });
  return {
    get protocol() {
      return socket.protocol;
    },
    get extensions() {
      return socket.extensions;
    },
    inbox,
    pings: undefined,
    pongs: undefined,
    closed: closing.closed,
    send: (data) => socket.send(data as string),
    close: (code, reason) => socket.close(code, reason),
  };
}

/** Wraps a class. */
export function standardClient(
  name: string,
  WebSocketClass: StandardWebSocket,
): PeerClient {
  return {
    name,
    connect: (url, { protocols = [], headers } = {}) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocketClass(
          url,
          headers === undefined ? protocols : { protocols, headers },
        );
        const wrapped = wrap(socket);
        socket.addEventListener("open", () => resolve(wrapped));
        // The WHATWG lets a page see no more than that it failed.
        socket.addEventListener("error", () => reject(new PeerRefusal("it failed")));
      }),
  };
}
