/**
 * SOCKS proxies for `connect()`, with the npm package `socks`, which whoever imports this installs.
 *
 * @example
 * ```ts no_run
 * import { connect } from "@fullduplex/ws/client";
 * import { socksProxy } from "@fullduplex/ws/socks";
 *
 * const socket = await connect("wss://example.com/chat", {
 *   dial: socksProxy("socks5://user:password@localhost:1080"),
 * });
 * await socket.close();
 * ```
 *
 * @see RFC 1928
 * @module
 */

import { SocksClient } from "socks";
import { describe } from "../../api/options.ts";
import { HandshakeError } from "../../errors.ts";
import { builtin } from "../node/builtin.ts";
import { Deadline } from "../node/deadline.ts";
import type { Dial, DialTarget } from "../node/dial_target.ts";
import type { NodeSocket } from "../node/node_types.ts";
import { untilReady } from "../node/socket_wait.ts";

export type { Dial, DialTarget };
export type { ByteStreamPair } from "../../api/stream_transport.ts";
export type { DialedSocket } from "../node/dial_target.ts";

/** A proxy, taken out of its URL. */
interface SocksServer {
  readonly host: string;
  readonly port: number;
  readonly type: 4 | 5;
  readonly userId: string;
  readonly password: string;
}

/** The longest name that SOCKS can carry: its length is one byte. */
const MAX_NAME_BYTES = 255;

/** The longest time that timers of every runtime can hold. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Why a proxy says no, as opposed to failing. */
const REFUSALS = /rejected|authentication failed|no accepted authentication/i;

/**
 * Makes a `dial` function for `connect()` that goes through a SOCKS proxy. The proxy looks the
 * server's name up; over `wss:` it sees nothing but that name and the encrypted bytes.
 *
 * @param url The proxy: `socks5:` (or `socks5h:`, the same here) or `socks4a:` (or `socks4:`), with
 * or without credentials. Default of its port: 1080.
 * @returns The function.
 * @throws {TypeError} If the URL is wrong; the message leaves it out because it may hold a password.
 */
export function socksProxy(url: string | URL): Dial {
  const server = parseSocksUrl(url);
  return (target, signal) => dialThrough(server, target, signal);
}

async function dialThrough(
  server: SocksServer,
  target: DialTarget,
  signal: AbortSignal,
): Promise<NodeSocket> {
  const { hostname, port, timeoutMs } = target;
  const { host, type } = server;
  const where = `the proxy ${host.includes(":") ? `[${host}]` : host}:${server.port}`;
  if (hostname.length > MAX_NAME_BYTES || (type === 4 && hostname.includes(":"))) {
    throw failed(where, `SOCKS${type} cannot carry this host`, "WS_PROXY_FAILED");
  }
  const deadline = new Deadline(timeoutMs, signal);
  const stage = { where, code: "WS_PROXY_FAILED" } as const;
  const connecting = builtin("net").connect({ host, port: server.port, allowHalfOpen: true });
  await untilReady(connecting as unknown as NodeSocket, "connect", stage, deadline);
  const client = new SocksClient({
    proxy: server,
    command: "connect",
    destination: { host: hostname, port },
    existing_socket: connecting,
    // It keeps its timer until then; the deadline comes first, and says better what is the matter.
    timeout: Math.min(deadline.leftMs + 1000, MAX_TIMEOUT_MS),
  });
  const established = new Promise<void>((resolve, reject) => {
    client.once("established", () => resolve());
    // Its errors hold the password; only their words go on.
    client.on("error", ({ message }) => {
      reject(failed(where, message, REFUSALS.test(message) ? "WS_PROXY_REFUSED" : stage.code));
    });
  });
  // The client looks for "close" alone, which does not come while our side is open.
  const onEnd = () => client.emit("error", new Error("the connection was closed"));
  connecting.on("end", onEnd);
  connecting.on("error", () => {}); // the client takes its listener away in the end
  try {
    client.connect(connecting);
    await deadline.race(established, where);
    await settled(connecting as unknown as NodeSocket, where);
    return connecting as unknown as NodeSocket;
  } catch (error) {
    connecting.destroy();
    throw error;
  } finally {
    connecting.removeListener("end", onEnd);
  }
}

/**
 * Waits for what the client does a turn after it is done: it hands on what came behind the proxy's
 * answer, which is nobody's, as no server speaks first, and resumes the socket.
 */
async function settled(socket: NodeSocket, where: string): Promise<void> {
  let excess = 0;
  const onData = (chunk: Uint8Array) => void (excess += chunk.length);
  socket.on("data", onData);
  socket.pause();
  await new Promise<void>((resolve) => setImmediate(resolve));
  socket.pause();
  socket.removeListener("data", onData);
  if (excess > 0) throw failed(where, "it sent more than its answer", "WS_PROXY_FAILED");
}

function failed(
  where: string,
  why: string,
  code: "WS_PROXY_FAILED" | "WS_PROXY_REFUSED",
): HandshakeError {
  return new HandshakeError(`Cannot connect through ${where}: ${why}`, { code });
}

function parseSocksUrl(input: string | URL): SocksServer {
  if (typeof input !== "string" && !(input instanceof URL)) {
    throw new TypeError(`Cannot use SOCKS proxy: expected a URL, got ${describe(input)}`);
  }
  let url: URL;
  let userId: string;
  let password: string;
  try {
    url = new URL(input);
    userId = decodeURIComponent(url.username);
    password = decodeURIComponent(url.password);
  } catch {
    throw new TypeError("Cannot use SOCKS proxy: expected a URL such as socks5://localhost:1080");
  }
  const version = /^socks(5h?|4a?):$/.exec(url.protocol)?.[1][0];
  if (version === undefined) {
    throw new TypeError(
      `Cannot use SOCKS proxy: expected the scheme socks5, socks5h, socks4 or socks4a, not ${url.protocol}`,
    );
  }
  if (url.hostname === "" || !/^\/?$/.test(url.pathname) || url.search + url.hash !== "") {
    throw new TypeError("Cannot use SOCKS proxy: expected a URL with a host and without a path");
  }
  const bytes = new TextEncoder();
  for (const part of [userId, password]) {
    if (bytes.encode(part).length > MAX_NAME_BYTES || part.includes("\0")) {
      throw new TypeError("Cannot use SOCKS proxy: its credentials are longer than 255 bytes");
    }
  }
  if (version === "4" && password !== "") {
    throw new TypeError("Cannot use SOCKS proxy: SOCKS4 knows a user's name but no password");
  }
  return {
    host: url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : url.hostname,
    port: url.port === "" ? 1080 : Number(url.port),
    type: version === "4" ? 4 : 5,
    userId,
    password,
  };
}
