/**
 * One message to many connections, none of which can make the others wait.
 * @module
 */

import { isBufferSource } from "../bytes.ts";
import type { WebSocketConnection } from "../api/connection.ts";
import { checkOptionNames, describe } from "../api/options.ts";
import { PreparedMessage, prepareMessage } from "../api/prepared_message.ts";
import type { Bytes } from "../api/sendable.ts";

/**
 * What becomes of a connection that has more than its `highWaterMark` waiting to be sent when a
 * message to many comes: `"drop"` leaves this message out for it, `"close"` closes it with 1013.
 */
export type SlowPolicy = "drop" | "close";

/** Options of one message to many. */
export interface BroadcastOptions<Data = unknown> {
  /** Who does not get it. Default: nobody. */
  except?: WebSocketConnection<Data> | ReadonlySet<WebSocketConnection<Data>>;
  /** Who gets it. Default: everybody. */
  filter?: (socket: WebSocketConnection<Data>) => boolean;
  /** What becomes of who is too slow. Default: `"drop"`. */
  slow?: SlowPolicy;
}

/** What became of a message to many. */
export interface Delivery {
  /** How many connections it was sent to. */
  readonly sent: number;
  /** How many were too slow for it. */
  readonly dropped: number;
}

/**
 * Checks a message to many.
 *
 * @throws {TypeError} If it is neither a string nor bytes.
 */
export function checkMessage(data: unknown): void {
  if (typeof data === "string" || isBufferSource(data)) return;
  throw new TypeError(
    `Cannot send to many: expected a string or a BufferSource, got ${describe(data)}`,
  );
}

/**
 * Checks a policy for slow connections.
 *
 * @throws {TypeError} If there is no such policy.
 */
export function checkSlowPolicy(slow: unknown): asserts slow is SlowPolicy {
  if (slow !== "drop" && slow !== "close") {
    throw new TypeError('Cannot use option "slow": expected "drop" or "close"');
  }
}

/**
 * Sends a message to many connections at once. It never waits: who is too slow does not get it. The
 * message is encoded once, and compressed once for each way in which the connections compress.
 *
 * @param sockets The connections; those that are not open are passed over.
 * @param data A string, bytes, or what `prepareMessage()` made.
 * @param options Who gets it, and what becomes of who is too slow.
 * @throws {TypeError} If the message or an option is wrong.
 *
 * @example
 * ```ts
 * import { broadcast } from "@fullduplex/ws/server";
 * import { serve } from "@fullduplex/ws/serve";
 *
 * await using server = await serve({
 *   message: (socket, data) => void broadcast(server.connections, data, { except: socket }),
 * }, { port: 0 });
 * ```
 */
export function broadcast<Data>(
  sockets: Iterable<WebSocketConnection<Data>>,
  data: string | Bytes | PreparedMessage,
  options: BroadcastOptions<Data> = {},
): Delivery {
  if (!(data instanceof PreparedMessage)) checkMessage(data);
  checkOptionNames(options, ["except", "filter", "slow"]);
  const { except, filter, slow = "drop" } = options;
  checkSlowPolicy(slow);
  if (filter !== undefined && typeof filter !== "function") {
    throw new TypeError(`Cannot use option "filter": expected a function, got ${describe(filter)}`);
  }
  const out = except instanceof Set ? except as ReadonlySet<unknown> : undefined;
  let message = data instanceof PreparedMessage ? data : undefined;
  let sent = 0;
  let dropped = 0;
  for (const socket of sockets) {
    if (socket === except || out?.has(socket) || socket.readyState !== 1) continue;
    if (filter !== undefined && !filter(socket)) continue;
    message ??= prepareMessage(data as string | Bytes);
    if (socket.trySend(message)) sent++;
    else if (socket.readyState === 1) {
      dropped++;
      if (slow === "close") void socket.close(1013, "the peer reads too slowly");
    }
  }
  return { sent, dropped };
}
