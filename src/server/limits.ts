/**
 * How many connections there may be, and how fast new ones and their messages may come.
 * @module
 */

import { checkOptionNames, describe } from "../api/options.ts";

/** Limits on connections, by address, and on what each sends. All are off unless given. */
export interface LimitOptions {
  /** The most connections, handshakes under way included; one more gets 503. Default: `Infinity`. */
  maxConnections?: number;
  /** The same for one IPv4 address or IPv6 /64; one more gets 429. Default: `Infinity`. */
  maxConnectionsPerAddress?: number;
  /** Handshakes per second of one IPv4 address or IPv6 /64; more get 429. Default: `Infinity`. */
  handshakesPerSecond?: number;
  /** Handshakes that may come at once after a rest. Default: `handshakesPerSecond`, at least 1. */
  handshakeBurst?: number;
  /** Messages per second of one connection. Default: `Infinity`. */
  messagesPerSecond?: number;
  /** Messages that may come at once after a rest. Default: `messagesPerSecond`, at least 1. */
  messageBurst?: number;
  /** Payload bytes per second of one connection, as on the wire. Default: `Infinity`. */
  bytesPerSecond?: number;
  /** Bytes that may come at once after a rest. Default: `bytesPerSecond`. */
  byteBurst?: number;
  /**
   * What becomes of a connection that sends faster: `"pause"` stops reading it until it may go on,
   * which holds the peer back; `"close"` closes it with 1008. Default: `"pause"`.
   */
  onExcess?: "pause" | "close";
  /** How many addresses are remembered; of more, the longest unseen are forgotten. Default: 10,000. */
  maxAddresses?: number;
  /** What `Retry-After` says when all connections are taken, in seconds. Default: 10. */
  retryAfterSeconds?: number;
}

/** {@linkcode LimitOptions} with every default filled in. */
export type ResolvedLimits = Required<LimitOptions>;

const LIMIT_NAMES = [
  ...["maxConnections", "maxConnectionsPerAddress", "handshakesPerSecond", "handshakeBurst"],
  ...["messagesPerSecond", "messageBurst", "bytesPerSecond", "byteBurst", "onExcess"],
  ...["maxAddresses", "retryAfterSeconds"],
];

/**
 * Checks limits and fills in the defaults.
 *
 * @throws {TypeError} If a name does not exist or a value has the wrong type.
 * @throws {RangeError} If a number is out of range.
 */
export function resolveLimits(options: LimitOptions = {}): ResolvedLimits {
  checkOptionNames(options, LIMIT_NAMES);
  const { onExcess = "pause" } = options;
  if (onExcess !== "pause" && onExcess !== "close") {
    throw new TypeError('Cannot use option "onExcess": expected "pause" or "close"');
  }
  const number = (name: Exclude<keyof LimitOptions, "onExcess">, standard: number): number => {
    const value = options[name] ?? standard;
    if (typeof value !== "number") {
      throw new TypeError(`Cannot use option "${name}": expected a number, got ${describe(value)}`);
    }
    const rate = name.endsWith("PerSecond");
    if (!(value > 0) || (!rate && value !== Infinity && !Number.isInteger(value))) {
      const expected = rate ? "a number above 0" : "an integer from 1 on";
      throw new RangeError(`Cannot use option "${name}": expected ${expected}, got ${value}`);
    }
    return value;
  };
  const handshakesPerSecond = number("handshakesPerSecond", Infinity);
  const messagesPerSecond = number("messagesPerSecond", Infinity);
  const bytesPerSecond = number("bytesPerSecond", Infinity);
  return {
    maxConnections: number("maxConnections", Infinity),
    maxConnectionsPerAddress: number("maxConnectionsPerAddress", Infinity),
    handshakesPerSecond,
    handshakeBurst: number("handshakeBurst", Math.max(1, Math.ceil(handshakesPerSecond))),
    messagesPerSecond,
    messageBurst: number("messageBurst", Math.max(1, Math.ceil(messagesPerSecond))),
    bytesPerSecond,
    byteBurst: number("byteBurst", Math.ceil(bytesPerSecond)),
    onExcess,
    maxAddresses: number("maxAddresses", 10_000),
    retryAfterSeconds: number("retryAfterSeconds", 10),
  };
}

/** A bucket that fills with tokens over time. What takes more than there is makes a debt. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #size: number;
  #tokens: number;
  #at: number;

  /**
   * @param perSecond How many tokens come in a second.
   * @param size How many there can be; there are so many at first.
   * @param now The time, in milliseconds.
   */
  constructor(perSecond: number, size: number, now: number) {
    this.#perMs = perSecond / 1000;
    this.#size = size;
    this.#tokens = size;
    this.#at = now;
  }

  /** How long until there are so many tokens (or it is full), in milliseconds. */
  waitMs(count: number, now: number): number {
    this.#fill(now);
    const missing = Math.min(count, this.#size) - this.#tokens;
    return missing <= 0 ? 0 : missing / this.#perMs;
  }

  /** Takes tokens, whether they are there or not. */
  take(count: number, now: number): void {
    this.#fill(now);
    this.#tokens -= count;
  }

  #fill(now: number): void {
    this.#tokens = Math.min(this.#size, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
  }
}

/** Why a handshake is not let in. */
export interface Rejection {
  /** 429 for too much of one address, 503 for too much altogether. */
  readonly status: 429 | 503;
  /** When to try again, in seconds. */
  readonly retryAfterSeconds: number;
}

/** Counts connections, altogether and by peer, and paces handshakes. Memory is bounded. */
export class ConnectionLimiter {
  readonly #limits: ResolvedLimits;
  #connections = 0;
  /** Connections by peer: as many entries as there are connections, at the most. */
  readonly #byPeer: Map<string, number> = new Map();
  /** Handshakes by peer, the longest unseen first: `maxAddresses` entries at the most. */
  readonly #buckets: Map<string, TokenBucket> = new Map();

  constructor(limits: ResolvedLimits) {
    this.#limits = limits;
  }

  /** Connections and handshakes under way. */
  get connections(): number {
    return this.#connections;
  }

  /** Peers that are remembered. */
  get addresses(): number {
    return Math.max(this.#byPeer.size, this.#buckets.size);
  }

  /**
   * Lets a handshake in, or says why not. Who is let in must be released once.
   *
   * @param peer Who asks.
   * @param now The time, in milliseconds.
   */
  admit(peer: string, now: number): Rejection | undefined {
    const limits = this.#limits;
    if (limits.handshakesPerSecond !== Infinity) {
      const waitMs = this.#takeHandshake(peer, now);
      if (waitMs > 0) return { status: 429, retryAfterSeconds: Math.ceil(waitMs / 1000) };
    }
    const { retryAfterSeconds } = limits;
    if (this.#connections >= limits.maxConnections) return { status: 503, retryAfterSeconds };
    if (limits.maxConnectionsPerAddress !== Infinity) {
      const count = this.#byPeer.get(peer) ?? 0;
      if (count >= limits.maxConnectionsPerAddress) return { status: 429, retryAfterSeconds };
      this.#byPeer.set(peer, count + 1);
    }
    this.#connections++;
  }

  /** Takes the end of what was let in. */
  release(peer: string): void {
    this.#connections--;
    const count = this.#byPeer.get(peer);
    if (count === undefined) return;
    if (count === 1) this.#byPeer.delete(peer);
    else this.#byPeer.set(peer, count - 1);
  }

  /** Takes a token, unless there is none: then tells how long until there is. */
  #takeHandshake(peer: string, now: number): number {
    const { handshakesPerSecond, handshakeBurst, maxAddresses } = this.#limits;
    const known = this.#buckets.get(peer);
    const bucket = known ?? new TokenBucket(handshakesPerSecond, handshakeBurst, now);
    // Last again: the order of the map is the order in which peers were seen.
    if (known !== undefined) this.#buckets.delete(peer);
    else if (this.#buckets.size >= maxAddresses) {
      this.#buckets.delete(this.#buckets.keys().next().value!);
    }
    this.#buckets.set(peer, bucket);
    const waitMs = bucket.waitMs(1, now);
    if (waitMs === 0) bucket.take(1, now);
    return waitMs;
  }
}
