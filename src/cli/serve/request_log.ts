/**
 * The request log: one line for each.
 * @module
 */

import type { NodeSocket } from "../../adapters/node/node_types.ts";
import type { CloseInfo } from "../../api/channel.ts";
import { showClose } from "../text.ts";
import type { Log } from "./log.ts";

/** A request that is under way. */
export interface Exchange {
  /** When it came, on the clock of `performance.now()`. */
  readonly started: number;
  /** The peer's address; `unix` where there is none. */
  readonly address: string;
  readonly method: string;
  /** The path, without the query: that may hold what nobody should read. */
  readonly path: string;
}

/** The longest path that a line shows. */
const PATH_LIMIT = 200;

/**
 * Logs a request that is over: `127.0.0.1 GET /echo 101 1000 12/14 B 0.204 s`.
 *
 * @param log Where to.
 * @param exchange The request.
 * @param outcome The status, or how its WebSocket connection ended.
 * @param bytes How many bytes went out, or the socket that counted them, in and out. Default: none.
 */
export function logRequest(
  log: Log,
  exchange: Exchange,
  outcome: string | CloseInfo,
  bytes: string | NodeSocket = "0 B",
): void {
  if (!log.has("info")) return;
  const { started, address, method, path } = exchange;
  const shown = path.length > PATH_LIMIT ? `${path.slice(0, PATH_LIMIT)}…` : path;
  const seconds = ((performance.now() - started) / 1000).toFixed(3);
  log.info(
    `${address} ${method} ${shown} ${showOutcome(outcome)} ${showBytes(bytes)} ${seconds} s`,
  );
}

function showOutcome(outcome: string | CloseInfo): string {
  if (typeof outcome === "string") return outcome;
  const { closeCode, reason, error } = outcome;
  if (error === undefined) return `101 ${showClose(closeCode, reason)}`;
  return `101 ${showClose(error.closeCode, error.reason)} (${error.code})`;
}

function showBytes(bytes: string | NodeSocket): string {
  if (typeof bytes === "string") return bytes;
  const { bytesRead = 0, bytesWritten = 0 } = bytes as {
    bytesRead?: number;
    bytesWritten?: number;
  };
  return `${bytesRead}/${bytesWritten} B`;
}
