/**
 * The proxy of `inspect`: listens, and joins each client with a connection of its own to the target.
 * @module
 */

import net from "node:net";
import { HeadCollector } from "./heads.ts";
import { pipe, Session, type SessionSetup, takeRequest } from "./session.ts";
import { type ByteSocket, reach, type Target } from "./target.ts";

/** Deadlines, in milliseconds. */
export interface ProxyDeadlines {
  /** How long a client has to send its request. */
  readonly requestMs: number;
  /** How long one side may stay when the other is gone. */
  readonly lingerMs: number;
}

const DEADLINES: ProxyDeadlines = { requestMs: 10_000, lingerMs: 2000 };

const BAD_GATEWAY = new TextEncoder().encode(
  "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
);

/** A proxy that listens. */
export class Proxy {
  readonly #target: Target;
  readonly #setup: SessionSetup;
  readonly #server: net.Server;
  readonly #deadlines: ProxyDeadlines;
  readonly #sockets = new Set<ByteSocket>();
  #count = 0;
  #port = 0;
  #host = "";

  /**
   * @param target Where clients are joined with.
   * @param setup What is done with what passes.
   * @param deadlines Default: 10 s for a request, 2 s for who stays alone.
   */
  constructor(target: Target, setup: SessionSetup, deadlines: ProxyDeadlines = DEADLINES) {
    this.#target = target;
    this.#deadlines = deadlines;
    this.#setup = setup;
    this.#server = net.createServer({ allowHalfOpen: true }, (socket) => {
      this.#accept(socket as unknown as ByteSocket);
    });
  }

  /** Where clients connect to. */
  get url(): string {
    return `ws://${this.#host}:${this.#port}/`;
  }

  /**
   * Listens.
   *
   * @throws {Error} If it cannot.
   */
  listen(port: number, hostname: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", (error: Error & { code?: string }) => {
        const why = error.code === "EADDRINUSE" ? "the port is in use" : error.message;
        reject(new Error(`cannot listen on ${hostname}:${port}: ${why}`, { cause: error }));
      });
      this.#server.listen(port, hostname, () => {
        this.#port = (this.#server.address() as { port: number }).port;
        this.#host = hostname.includes(":") ? `[${hostname}]` : hostname;
        resolve();
      });
    });
  }

  /** Listens no more and cuts every connection. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #accept(client: ByteSocket): void {
    const connection = ++this.#count;
    const session = new Session(connection, this.#setup);
    const collector = new HeadCollector();
    let asked = false;
    this.#own(client, session);
    client.setNoDelay(true);
    const timer = setTimeout(() => client.destroy(), this.#deadlines.requestMs);
    client.on("close", () => clearTimeout(timer));
    client.on("end", () => {
      if (!asked) client.destroy();
    });
    const onData = (chunk: Uint8Array) => {
      if (asked) return;
      const ownOrigin = this.url.replace(/^ws/, "http").slice(0, -1).toLowerCase();
      const taken = takeRequest(collector, chunk, { target: this.#target.url, ownOrigin });
      if (taken === undefined) return;
      if (taken === "too large") return void client.destroy();
      asked = true;
      clearTimeout(timer);
      client.pause();
      session.request(taken.head);
      this.#join(client, session, taken.bytes, taken.rest);
    };
    client.on("data", onData);
  }

  async #join(
    client: ByteSocket,
    session: Session,
    head: Uint8Array,
    rest: Uint8Array,
  ): Promise<void> {
    let server: ByteSocket;
    try {
      server = await reach(this.#target);
    } catch (error) {
      session.failed(error as Error);
      client.write(BAD_GATEWAY);
      client.end();
      client.resume();
      return;
    }
    if (!this.#sockets.has(client)) return void server.destroy(); // it left meanwhile
    this.#own(server, session);
    const { lingerMs } = this.#deadlines;
    endWith(server, client, lingerMs);
    endWith(client, server, lingerMs);
    server.write(head);
    if (rest.length > 0) {
      session.fromClient(rest);
      server.write(rest);
    }
    pipe(client, server, (chunk) => session.fromClient(chunk));
    pipe(server, client, (chunk) => session.fromServer(chunk));
    client.resume();
  }

  /** Counts a socket until it closes. */
  #own(socket: ByteSocket, session: Session): void {
    this.#sockets.add(socket);
    session.joined();
    socket.on("error", (error) => session.failed(error));
    socket.on("close", () => {
      this.#sockets.delete(socket);
      session.left();
    });
  }
}

/** Ends a socket when another has closed, and cuts it if it then stays. */
function endWith(closed: ByteSocket, other: ByteSocket, lingerMs: number): void {
  closed.on("close", () => {
    if (other.destroyed) return;
    other.end();
    const timer = setTimeout(() => other.destroy(), lingerMs);
    other.on("close", () => clearTimeout(timer));
  });
}
