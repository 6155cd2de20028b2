/**
 * The listening side of a server: HTTP, plain or over TLS, with a deadline on every head.
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { PatientTimer } from "../../api/patient_timer.ts";
// node:http is asked for, not imported: as a module it is read name by name, and one of them makes
// Node 26 load all of its own WebSocket client, which takes thrice as long as this library.
import { builtin } from "./builtin.ts";
import type { NodeRequest, NodeSocket } from "./node_types.ts";
import { readOpeningHead } from "./opening_head.ts";

/** What a listener hands on. */
export interface HttpEvents {
  /** Takes a plain request. */
  onRequest(incoming: IncomingMessage, outgoing: ServerResponse): void;
  /** Takes a request to upgrade; the socket is the taker's from now on. */
  onUpgrade(incoming: IncomingMessage, socket: NodeSocket, head: Uint8Array): void;
  /** The same for a request that node:http has not seen, which is quicker. Default: it sees all. */
  onOpening?(request: NodeRequest, socket: NodeSocket, head: Uint8Array): void;
  /** Is told of TLS handshakes that failed, after which there is no socket. */
  onTlsError?(error: Error, remoteAddress: string | undefined): void;
}

/** How a listener is made. */
export interface HttpListenerOptions {
  /** Options of `tls.createServer`; none for plain HTTP. */
  readonly tls: object | undefined;
  /** The most bytes of a request's head. */
  readonly maxHeaderBytes: number;
  /** How long a TLS handshake, and then each request's head, may take, in milliseconds. */
  readonly headTimeoutMs: number;
}

/** What the three runtimes' servers have in common here; their types differ. */
interface AnyServer {
  on(event: string, listener: (...args: never[]) => void): unknown;
  once(event: string, listener: (...args: never[]) => void): unknown;
  removeListener(event: string, listener: (...args: never[]) => void): unknown;
  listeners(event: string): unknown[];
  emit(event: string, ...args: unknown[]): boolean;
  listen(target: object, onListening: () => void): unknown;
  address(): unknown;
  close(onClosed: () => void): unknown;
}

/** Where a listener listens: on a host's port, or on a Unix socket. */
export type ListenTarget =
  & { readonly backlog?: number | undefined }
  & ({ readonly hostname: string; readonly port: number } | { readonly path: string });

/** A socket that is no WebSocket (yet). */
interface SocketState {
  /** Ends the wait for the next head. */
  timer?: PatientTimer;
  /** Requests that are being answered. */
  requests: number;
}

const REQUEST_TIMEOUT = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n" +
  "Content-Length: 0\r\n\r\n";

/** Listens, and keeps account of every socket that is no WebSocket. */
export class HttpListener {
  readonly #events: HttpEvents;
  readonly #headTimeoutMs: number;
  readonly #listener: AnyServer;
  readonly #sockets: Map<NodeSocket, SocketState> = new Map();
  /** Sockets in their TLS handshake, by the peer's address and port. */
  readonly #encrypting: Map<string, NodeSocket> = new Map();
  #stopped: Promise<void> | undefined;
  /** One for all sockets: an idle connection must not hold a closure of this. */
  readonly #onSocketClose: (this: NodeSocket) => void;

  constructor(options: HttpListenerOptions, events: HttpEvents) {
    this.#events = events;
    this.#headTimeoutMs = options.headTimeoutMs;
    const forget = (socket: NodeSocket) => this.#forget(socket);
    this.#onSocketClose = function (this: NodeSocket) {
      forget(this);
    };
    const limits = { maxHeaderSize: options.maxHeaderBytes };
    const server = options.tls === undefined || isBun()
      ? builtin("http").createServer(limits) as unknown as AnyServer
      : builtin("https").createServer({ ...limits, ...options.tls }) as unknown as AnyServer;
    server.on("request", (incoming: IncomingMessage, outgoing: ServerResponse) => {
      this.#onRequest(incoming, outgoing);
    });
    server.on("upgrade", (incoming: IncomingMessage, socket: NodeSocket, head: Uint8Array) => {
      this.#sockets.get(socket)?.timer?.stop();
      if (this.#stopped !== undefined) socket.destroy();
      else this.#events.onUpgrade(incoming, socket, head);
    });
    this.#listener = server;
    if (options.tls === undefined) {
      const [toHttp, ...others] = server.listeners(
        "connection",
      ) as ((socket: NodeSocket) => void)[];
      // Where somebody else listens, too, or a Node to come does not, node:http has them at once.
      if (
        events.onOpening !== undefined && ON_NODE && toHttp !== undefined && others.length === 0
      ) {
        this.#readFirst(server, toHttp, options.maxHeaderBytes);
      } else {
        server.on("connection", (socket: NodeSocket) => this.#onSocket(socket, true));
      }
      return;
    }
    if (isBun()) {
      // Bun 1.4's https server tells of a connection when its TLS handshake is over, and then a
      // peer that never finishes it could not be cut. Its tls server tells at once.
      this.#listener = builtin("tls").createServer(options.tls) as unknown as AnyServer;
      this.#listener.on("secureConnection", (socket: NodeSocket) => {
        server.emit("connection", socket);
      });
    }
    this.#listener.on("tlsClientError", (error: Error, socket: NodeSocket | undefined) => {
      this.#events.onTlsError?.(error, socket?.remoteAddress);
    });
    this.#listener.on("connection", (socket: NodeSocket) => {
      const address = addressOf(socket); // which a closed socket does not know any more
      this.#encrypting.set(address, socket);
      socket.once("close", () => this.#encrypting.delete(address));
      this.#onSocket(socket, false);
    });
    this.#listener.on("secureConnection", (socket: NodeSocket) => {
      const below = this.#encrypting.get(addressOf(socket));
      this.#encrypting.delete(addressOf(socket));
      if (below !== undefined) this.#forget(below);
      this.#onSocket(socket, true);
    });
  }

  /**
   * Reads each connection's first bytes before node:http does. That gets the socket, with those bytes
   * put back, when they are not the whole request for a WebSocket.
   *
   * @param toHttp What node:http takes a connection with.
   */
  #readFirst(
    server: AnyServer,
    toHttp: (socket: NodeSocket) => void,
    maxHeaderBytes: number,
  ): void {
    server.removeListener("connection", toHttp as () => void);
    const take = (socket: NodeSocket, chunk: Uint8Array) => {
      socket.removeListener("data", onData);
      socket.removeListener("end", onEnd);
      const opening = readOpeningHead(chunk, maxHeaderBytes);
      if (opening !== undefined) {
        this.#sockets.get(socket)?.timer?.stop();
        return this.#events.onOpening!(opening.request, socket, opening.rest);
      }
      socket.pause(); // what is put back waits until node:http listens
      (socket as unknown as { unshift(chunk: Uint8Array): void }).unshift(chunk);
      toHttp.call(server, socket);
      socket.resume();
    };
    const onData = function (this: NodeSocket, chunk: Uint8Array) {
      take(this, chunk);
    };
    const onEnd = function (this: NodeSocket) {
      this.end(); // as node:http does with a client that leaves without a request
    };
    server.on("connection", (socket: NodeSocket) => {
      this.#onSocket(socket, true);
      socket.on("end", onEnd);
      socket.on("data", onData);
    });
  }

  /**
   * Starts to listen.
   *
   * @param target Where.
   * @param onError Takes what goes wrong with the server afterwards.
   * @returns The port; 0 for a Unix socket.
   * @throws {Error} If it cannot listen, with the system's error as `cause`.
   */
  listen(target: ListenTarget, onError: (error: unknown) => void): Promise<number> {
    const listener = this.#listener;
    const { backlog } = target;
    const [place, name] = "path" in target
      ? [{ path: target.path }, target.path]
      : [{ port: target.port, host: target.hostname }, `${target.hostname}:${target.port}`];
    return new Promise((resolve, reject) => {
      const onFirstError = (cause: unknown) => {
        const { code, message } = cause as { code?: string; message?: string };
        const taken = "path" in target ? "the socket is in use" : "the port is in use";
        const why = code === "EADDRINUSE" ? taken : message ?? String(cause);
        reject(new Error(`Cannot listen on ${name}: ${why}`, { cause }));
      };
      listener.once("error", onFirstError);
      listener.listen({ ...place, ...(backlog === undefined ? {} : { backlog }) }, () => {
        listener.removeListener("error", onFirstError);
        listener.on("error", onError);
        const address = listener.address() as { port?: number } | string | null;
        resolve(typeof address === "object" ? address?.port ?? 0 : 0);
      });
    });
  }

  /** Accepts nothing more and cuts what is idle; resolves when the last socket is gone. */
  stop(): Promise<void> {
    return this.#stopped ??= this.#stop();
  }

  #stop(): Promise<void> {
    const stopped = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    for (const [socket, { requests }] of this.#sockets) if (requests === 0) socket.destroy();
    return stopped;
  }

  /** Cuts what is still being answered. */
  cut(): void {
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  /** Lets go of a socket that has become a WebSocket: stopping does not cut it any more. */
  release(socket: NodeSocket): void {
    this.#forget(socket);
    socket.removeListener("close", this.#onSocketClose);
    socket.removeListener("error", ignore); // whoever has it now has a listener of its own
  }

  #forget(socket: NodeSocket): void {
    this.#sockets.get(socket)?.timer?.stop();
    this.#sockets.delete(socket);
  }

  /** @param ready Whether HTTP can be spoken: not before a TLS handshake is over. */
  #onSocket(socket: NodeSocket, ready: boolean): void {
    socket.on("error", ignore); // a reset before there is a request is nobody's business
    socket.on("close", this.#onSocketClose);
    if (this.#stopped !== undefined) return void socket.destroy();
    const state: SocketState = { requests: 0 };
    this.#sockets.set(socket, state);
    this.#awaitHead(socket, state, ready);
  }

  /** Gives the socket until the deadline to send a whole head. */
  #awaitHead(socket: NodeSocket, state: SocketState, ready: boolean): void {
    state.timer?.stop();
    state.timer = new PatientTimer(this.#headTimeoutMs, () => {
      if (ready) socket.write(REQUEST_TIMEOUT);
      socket.destroy();
    });
  }

  #onRequest(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const socket = incoming.socket as unknown as NodeSocket;
    const state = this.#sockets.get(socket);
    if (state !== undefined) {
      state.requests++;
      state.timer?.stop();
      outgoing.once("close", () => {
        if (--state.requests > 0 || !this.#sockets.has(socket)) return;
        if (this.#stopped !== undefined) socket.end();
        else this.#awaitHead(socket, state, true);
      });
    }
    if (this.#stopped === undefined) return this.#events.onRequest(incoming, outgoing);
    // Pipelined behind one that is still being answered.
    outgoing.writeHead(503, { "Connection": "close", "Content-Length": "0" });
    outgoing.end();
  }
}

function ignore(): void {}

/** Node itself: what the other runtimes' node:http is made of differs. */
const ON_NODE = !("Deno" in globalThis || "Bun" in globalThis);

function isBun(): boolean {
  return "Bun" in globalThis;
}

function addressOf(socket: NodeSocket): string {
  return `${socket.remoteAddress} ${(socket as { remotePort?: number }).remotePort}`;
}
