/**
 * Every kind of server that this runtime has, for event streams; and a raw reader of them.
 * @module
 */

import http from "node:http";
import type { AddressInfo } from "node:net";
import { websocket } from "../../../src/adapters/bun/mod.ts";
import { serve } from "../../../src/adapters/serve.ts";
import {
  type EventSourceHandler,
  type EventSourceOptions,
  onEventSource,
  upgradeEventSource,
} from "../../../src/server/mod.ts";
import { serveBun } from "../../adapters/support/bun_server.ts";
import { serveDeno } from "../../adapters/support/deno_server.ts";
import { head, RawPeer } from "../../adapters/support/raw.ts";
import { RUNTIME } from "../../adapters/support/runtime.ts";
import { until } from "../../adapters/support/waiting.ts";

/** A running server of event streams. */
export interface EventHost {
  port: number;
  origin: string;
  /** Open sockets, where that is known. */
  sockets?: () => number;
  close(): Promise<unknown>;
}

type Start = (handler: EventSourceHandler, options?: EventSourceOptions) => Promise<EventHost>;

/** Serves a page at `/` and streams at `/events`. */
function pages(
  handler: EventSourceHandler,
  options?: EventSourceOptions,
): (request: Request) => Response | Promise<Response> {
  return (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/events") return upgradeEventSource(request, handler, options);
    if (pathname !== "/") return new Response(null, { status: 404 });
    return new Response(PAGE, { headers: { "content-type": "text/html" } });
  };
}

const PAGE = "<!doctype html><title>page</title>";

function host(port: number, close: () => Promise<unknown>): EventHost {
  return { port, origin: `http://127.0.0.1:${port}`, close };
}

const withServe: Start = async (handler, options) => {
  const server = await serve({}, {
    port: 0,
    closeTimeoutMs: 300,
    fetch: pages(handler, options),
  });
  return host(server.port, () => server.close());
};

const withNode: Start = async (handler, options) => {
  const listener = onEventSource(handler, options);
  const sockets = new Set<{ destroy(): unknown }>();
  const server = http.createServer((request, response) => {
    if (request.url === "/events") listener(request, response);
    else response.setHeader("content-type", "text/html").end(PAGE);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const close = () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  };
  return { ...host((server.address() as AddressInfo).port, close), sockets: () => sockets.size };
};

const withDeno: Start = (handler, options) => {
  const server = serveDeno(pages(handler, options));
  return Promise.resolve(host(server.port, server.close));
};

const withBun: Start = (handler, options) => {
  const server = serveBun(websocket, pages(handler, options));
  return Promise.resolve(host(server.port, server.close));
};

/** The kinds of servers, by name. */
export const HOSTS: readonly [name: string, start: Start][] = [
  ["serve()", withServe],
  ["node:http", withNode],
  ...RUNTIME === "deno" ? [["Deno.serve", withDeno] as [string, Start]] : [],
  ...RUNTIME === "bun" ? [["Bun.serve", withBun] as [string, Start]] : [],
];

/** A raw HTTP client that reads a stream. */
export class StreamReader {
  readonly peer: RawPeer;
  status = 0;
  head = "";

  constructor(peer: RawPeer) {
    this.peer = peer;
  }

  /** Asks for a stream, and waits for the head of the answer. */
  static async open(port: number, fields: string[] = [], path = "/events"): Promise<StreamReader> {
    const reader = new StreamReader(await RawPeer.connect(port));
    reader.peer.write(head([
      `GET ${path} HTTP/1.1`,
      "Host: 127.0.0.1",
      "Accept: text/event-stream",
      ...fields,
    ]));
    reader.head = (await reader.peer.readHead()).toLowerCase();
    reader.status = Number(reader.head.slice(9, 12));
    return reader;
  }

  /** What came so far, out of its chunks, as UTF-8. */
  get text(): string {
    let text = "";
    for (let rest = this.peer.text;;) {
      const size = /^([0-9a-f]+)\r\n/i.exec(rest);
      if (size === null) break;
      const start = size[0].length;
      const length = parseInt(size[1], 16);
      text += rest.slice(start, start + length);
      rest = rest.slice(start + length + 2);
    }
    return new TextDecoder().decode(Uint8Array.from(text, (char) => char.charCodeAt(0)));
  }

  /** Waits for a text to come. */
  async until(part: string): Promise<string> {
    await until(() => this.text.includes(part), JSON.stringify(part));
    return this.text;
  }

  /** Whether the response has come to its end. */
  get complete(): boolean {
    return /(^|\r\n)0\r\n\r\n$/.test(this.peer.text);
  }
}
