/**
 * A small HTTP proxy that does as it is told, also badly.
 * @module
 */

import net from "node:net";
import tls from "node:tls";
import { CERT, KEY } from "../../support/runtime.ts";
import { RawPeer } from "../../support/raw.ts";
import { sleep } from "../../support/waiting.ts";

/** How a proxy behaves. */
export interface ProxyBehaviour {
  /** TLS to the proxy itself. */
  secure?: boolean;
  /** Where every tunnel leads, whatever was asked for. Default: to the authority asked for. */
  to?: { port: number };
  /** Takes a CONNECT head over, instead of making a tunnel. */
  onConnect?: (peer: RawPeer, head: string) => unknown;
  /** What the answer is. Default: a plain 200. */
  answer?: string;
}

/** A running proxy. */
export interface TestProxy {
  port: number;
  url: string;
  /** The heads it got. */
  heads: string[];
  /** The clients' sockets, in order. */
  peers: RawPeer[];
  /** Whether all clients have gone. */
  readonly empty: boolean;
  close(): Promise<void>;
}

/** Starts a proxy on a free port. */
export async function startProxy(behaviour: ProxyBehaviour = {}): Promise<TestProxy> {
  const { secure = false, to, onConnect, answer } = behaviour;
  const heads: string[] = [];
  const peers: RawPeer[] = [];
  const upstreams = new Set<net.Socket>();

  async function take(peer: RawPeer): Promise<void> {
    const head = await peer.readHead(Infinity);
    heads.push(head);
    if (onConnect !== undefined) return void await onConnect(peer, head);
    const authority = /^CONNECT (\S+):(\d+) HTTP\/1\.1/.exec(head)!;
    const host = to === undefined ? authority[1].replace(/^\[|\]$/g, "") : "127.0.0.1";
    const upstream = net.connect({ host, port: to?.port ?? Number(authority[2]) });
    upstreams.add(upstream);
    upstream.on("error", () => peer.destroy());
    upstream.on("connect", () => {
      peer.write(answer ?? "HTTP/1.1 200 Connection established\r\n\r\n");
      peer.socket.pipe(upstream);
      upstream.pipe(peer.socket);
    });
    upstream.on("close", () => peer.destroy());
    peer.closed.then(() => upstream.destroy());
  }

  const onSocket = (socket: net.Socket) => {
    const peer = new RawPeer(socket);
    peers.push(peer);
    take(peer).catch(() => {});
  };
  const server = secure
    ? tls.createServer({ cert: CERT, key: KEY }, onSocket)
    : net.createServer(onSocket);
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  return {
    port,
    url: `${secure ? "https" : "http"}://127.0.0.1:${port}`,
    heads,
    peers,
    get empty() {
      return peers.every((peer) => peer.gone);
    },
    async close() {
      const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const peer of peers) peer.destroy();
      for (const upstream of upstreams) upstream.destroy();
      await Promise.race([stopped, sleep(2000)]);
    },
  };
}
