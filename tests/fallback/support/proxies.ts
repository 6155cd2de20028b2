/**
 * Proxies that stand between a client and its server, and what is bad about them.
 * @module
 */

import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { join } from "../../support/bytes.ts";
import { Random } from "../../support/random.ts";

/** A running proxy. */
export interface TestProxy {
  readonly url: string;
  /** How often it did something bad. */
  faults: number;
  close(): Promise<unknown>;
}

/** Passes bytes on, and cuts connections after some of them, in either direction. */
export async function cuttingProxy(
  port: number,
  seed: number,
  from: () => boolean,
): Promise<TestProxy> {
  const random = new Random(seed);
  const sockets = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const upstream = net.connect(port, "127.0.0.1");
    const cut = () => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", cut);
      socket.on("close", () => {
        sockets.delete(socket);
        cut();
      });
    }
    // Of the requests or of the responses, of which one may be lost before its first byte.
    const [most, side] = [random.int(0, 3000), random.int(1, 3)];
    const pass = (source: net.Socket, target: net.Socket, bad: boolean) => {
      let left = most;
      source.on("data", (chunk: Uint8Array) => {
        left -= chunk.length;
        if (!bad || left >= 0 || !from()) return void target.write(chunk);
        proxy.faults++;
        // What is before the cut still passes: the other end has done what it was asked.
        target.end(chunk.subarray(0, Math.max(0, chunk.length + left)));
        setTimeout(cut, 2);
        source.pause();
      });
    };
    pass(client, upstream, side === 1);
    pass(upstream, client, side >= 2);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const proxy: TestProxy = {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/chat`,
    faults: 0,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

/** What an HTTP proxy does with an answer. */
export type Treatment =
  /** Passes it on as it comes. */
  | "pass"
  /** Passes it on when all of it has come. */
  | "gather"
  /** Says 504, as one does that has lost its patience. */
  | "deny";

/** An HTTP proxy that knows nothing of WebSockets. */
export async function httpProxy(
  port: number,
  treatment: (url: string) => Treatment,
): Promise<TestProxy> {
  const sockets = new Set<net.Socket>();
  const server = http.createServer((request, response) => {
    const { method, headers, url } = request;
    const how = treatment(url!);
    if (how === "deny") {
      proxy.faults++;
      request.resume();
      return void response.writeHead(504).end();
    }
    const upstream = http.request({ port, host: "127.0.0.1", path: url, method, headers });
    upstream.on("response", (answer) => {
      if (how === "pass") {
        response.writeHead(answer.statusCode!, answer.headers);
        response.flushHeaders();
        answer.pipe(response);
        return;
      }
      const chunks: Uint8Array[] = [];
      answer.on("data", (chunk: Uint8Array) => void chunks.push(chunk));
      answer.on("end", () => {
        proxy.faults++;
        delete answer.headers["transfer-encoding"];
        response.writeHead(answer.statusCode!, answer.headers);
        response.end(join(chunks));
      });
      answer.on("error", () => response.destroy());
    });
    upstream.on("error", () => {
      if (!response.headersSent) response.destroy();
    });
    response.on("close", () => {
      upstream.destroy();
    });
    request.pipe(upstream);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const proxy: TestProxy = {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/chat`,
    faults: 0,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
