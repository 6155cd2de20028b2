/**
 * An orderly end when the system asks for it.
 * @module
 */

import process from "node:process";
import { checkOptionNames, describe } from "../api/options.ts";

/** A signal that asks a process to end. */
export type ShutdownSignal = "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGBREAK";

/**
 * What can be shut down: a `Router`, what `serve()` returned, an `http.Server`, a Fastify or other
 * application with `close()`, a `Deno.HttpServer`, a Bun server.
 */
export type Stoppable =
  | { shutdown(): unknown }
  | { close(...args: never[]): unknown }
  | { stop(...args: never[]): unknown };

/** Options of {@linkcode shutdownOnSignals}. */
export interface ShutdownOptions {
  /** The signals to listen for. Default: `SIGTERM` and `SIGINT`. */
  signals?: readonly ShutdownSignal[];
  /** After how many milliseconds the process ends with what is left. Default: 15,000. */
  timeoutMs?: number;
  /** Called when the first signal comes, before anything is shut down. Default: nothing. */
  onSignal?: (signal: ShutdownSignal) => void;
  /** Ends the process. Default: `process.exit`. */
  exit?: (status: number) => void;
  /** Takes what goes wrong on the way. Default: it is printed with `console.error`. */
  onError?: (error: unknown) => void;
}

/** The exit status that tells of a signal: 128 and its number. */
const STATUS: Readonly<Record<ShutdownSignal, number>> = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGTERM: 143,
  SIGBREAK: 149,
};

/** The longest time that timers of every runtime can hold. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** An `http.Server`, which ends when its last connection does. */
interface HttpServer {
  close(onClosed: () => void): unknown;
  closeIdleConnections(): void;
}

/**
 * Shuts down when a signal comes: all targets at once, so that HTTP servers accept nothing more
 * while the WebSockets close with 1001; then ends the process with status 0. When that takes longer
 * than `timeoutMs` it ends with 1, and at a second signal it ends at once.
 *
 * @param targets What to shut down: one thing, or a list.
 * @param options Signals, the deadline, and how to end.
 * @returns A function that stops listening, for when the process is to live on.
 * @throws {TypeError} If a target or an option is wrong.
 * @throws {RangeError} If `timeoutMs` is out of range.
 *
 * @example
 * ```ts
 * import http from "node:http";
 * import { Router, shutdownOnSignals } from "@fullduplex/ws/server";
 *
 * const router = new Router();
 * const server = http.createServer();
 * router.mount(server);
 * const forget = shutdownOnSignals([router, server], { timeoutMs: 5000 });
 * forget(); // only so that this example ends
 * ```
 */
export function shutdownOnSignals(
  targets: Stoppable | readonly Stoppable[],
  options: ShutdownOptions = {},
): () => void {
  checkOptionNames(options, ["signals", "timeoutMs", "onSignal", "exit", "onError"]);
  const {
    signals = ["SIGTERM", "SIGINT"],
    timeoutMs = 15_000,
    onSignal,
    exit = (status) => process.exit(status),
    onError = (error) => console.error("fullduplex: the shutdown failed:", error),
  } = options;
  for (const [name, value] of Object.entries({ onSignal, exit, onError })) {
    if (value !== undefined && typeof value !== "function") {
      throw new TypeError(
        `Cannot use option "${name}": expected a function, got ${describe(value)}`,
      );
    }
  }
  if (!isList(signals) || signals.some((signal) => !Object.hasOwn(STATUS, signal))) {
    throw new TypeError(
      `Cannot use option "signals": expected a list of ${Object.keys(STATUS).join(", ")}`,
    );
  }
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > MAX_TIMEOUT_MS) {
    throw new RangeError(
      `Cannot use option "timeoutMs": expected an integer from 1 to ${MAX_TIMEOUT_MS}`,
    );
  }
  const stops = [targets].flat().map((target) => stopper(target as Stoppable));

  const stopAll = async (signal: ShutdownSignal): Promise<void> => {
    const deadline = setTimeout(() => exit(1), timeoutMs);
    try {
      onSignal?.(signal);
    } catch (error) {
      onError(error);
    }
    const ends = await Promise.allSettled(stops.map(async (stop) => await stop()));
    clearTimeout(deadline);
    const failures = ends.filter((end) => end.status === "rejected");
    for (const { reason } of failures) onError(reason);
    forget();
    exit(failures.length === 0 ? 0 : 1);
  };
  let stopping = false;
  const listeners = signals.map((signal: ShutdownSignal) => {
    const listener = () => {
      if (stopping) return exit(STATUS[signal]);
      stopping = true;
      void stopAll(signal);
    };
    process.on(signal, listener);
    return { signal, listener };
  });
  const forget = () => {
    for (const { signal, listener } of listeners.splice(0)) {
      process.removeListener(signal, listener);
    }
  };
  return forget;
}

function isList(value: unknown): boolean {
  return Array.isArray(value);
}

/** Makes the function that shuts something down. */
function stopper(target: Stoppable): () => unknown {
  const it = target as { [name: string]: unknown } | null | undefined;
  if (typeof it?.shutdown === "function") {
    return () => (target as { shutdown(): unknown }).shutdown();
  }
  if (typeof it?.closeIdleConnections === "function") {
    const server = target as unknown as HttpServer;
    return () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve()); // also called, with an error, when it did not listen
        server.closeIdleConnections();
      });
  }
  if (typeof it?.close === "function") return () => (target as { close(): unknown }).close();
  if (typeof it?.stop === "function") return () => (target as { stop(): unknown }).stop();
  throw new TypeError(
    "Cannot shut down: expected something with shutdown(), close() or stop(), got " +
      describe(target),
  );
}
