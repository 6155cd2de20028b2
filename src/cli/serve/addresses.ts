/**
 * Where `serve` listens.
 * @module
 */

import { lstat, unlink } from "node:fs/promises";
import net from "node:net";
import type { ListenTarget } from "../../adapters/node/http_listener.ts";
import { UsageError } from "../arguments.ts";
import { oneLine } from "../text.ts";

/**
 * Reads an address: `127.0.0.1:8080`, `[::1]:8080`, `localhost:0`, `:8080` (this machine),
 * `8080`, `unix:/path`.
 *
 * @throws {UsageError} If it is none.
 */
export function readAddress(text: string): ListenTarget {
  if (text.startsWith("unix:")) {
    const path = text.slice(5);
    // The least that a system allows (macOS: 104 with the end mark), told better than by a system.
    if (path !== "" && new TextEncoder().encode(path).length < 104) return { path };
    throw new UsageError("a Unix socket's path must have 1 to 103 bytes");
  }
  const match = /^(?:(\[[0-9a-f:.%\w]+\]|[^:[\]\s/]*):)?(\d{1,5})$/i.exec(text);
  const port = Number(match?.[2]);
  if (match === null || !(port <= 65535)) {
    throw new UsageError(
      `--listen must be HOST:PORT, [IPV6]:PORT or unix:/PATH, got "${oneLine(text)}"`,
    );
  }
  const hostname = (match[1] ?? "").replace(/^\[|\]$/g, "");
  return { hostname: hostname === "" ? "127.0.0.1" : hostname, port };
}

/** Shows an address as a user would write it. */
export function showAddress(target: ListenTarget): string {
  if ("path" in target) return `unix:${target.path}`;
  const { hostname, port } = target;
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

/**
 * Removes a Unix socket that a server left behind when it crashed; nobody answers on it.
 *
 * @throws {Error} If something else is there, or a server answers.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  let isSocket: boolean;
  try {
    isSocket = (await lstat(path)).isSocket();
  } catch {
    return; // listening will tell what is wrong with the path
  }
  if (!isSocket) throw new Error(`Cannot listen on ${path}: there is a file, and it is no socket`);
  if (await answers(path)) throw new Error(`Cannot listen on ${path}: the socket is in use`);
  await unlink(path);
}

/** Removes what is left of a socket after closing, where the runtime did not. */
export async function removeSocket(path: string): Promise<void> {
  await unlink(path).catch(() => {});
}

/** Only a refused connection shows that nobody listens; any other failure may be a busy server. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ path });
    const timer = setTimeout(() => done(true), 2000);
    const done = (answered: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answered);
    };
    socket.once("connect", () => done(true));
    socket.once("error", (error) => {
      const { code, message } = error as Error & { code?: string };
      done(code !== "ECONNREFUSED" && !/refused/i.test(message));
    });
  });
}
