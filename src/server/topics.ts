/**
 * Topics: who subscribes to one gets what is published on it.
 * @module
 */

import type { WebSocketConnection } from "../api/connection.ts";
import { logError } from "../api/handler.ts";
import { checkOptionNames, describe } from "../api/options.ts";
import type { Bytes } from "../api/sendable.ts";
import {
  broadcast,
  type BroadcastOptions,
  checkMessage,
  checkSlowPolicy,
  type Delivery,
  type SlowPolicy,
} from "./broadcast.ts";
import type { RelayMessage, TopicRelay } from "./relay.ts";

/** Options of {@linkcode Topics}. */
export interface TopicsOptions {
  /** The most topics of one connection. Default: 100. */
  maxTopicsPerSocket?: number;
  /** The longest name of a topic, in UTF-16 code units. Default: 256. */
  maxTopicLength?: number;
  /** What becomes of a subscriber that reads too slowly, unless `publish` says. Default: `"drop"`. */
  slow?: SlowPolicy;
  /** What carries messages to other processes, and theirs here. Default: none. */
  relay?: TopicRelay;
  /** Takes what the relay throws. Default: it is printed with `console.error`. */
  onError?: (error: unknown) => void;
}

/**
 * Subscriptions of connections to topics. A connection that ends is taken off all of its topics, and
 * a topic without subscribers does not exist.
 *
 * A subscriber that has more than its `highWaterMark` waiting to be sent misses the message
 * (`"drop"`), or is closed with 1013 (`"close"`): it never makes the others wait.
 *
 * @typeParam Data The type of the connections' `data`.
 *
 * @example
 * ```ts
 * import { Topics } from "@fullduplex/ws/server";
 * import { serve } from "@fullduplex/ws/serve";
 *
 * const topics = new Topics();
 * await using server = await serve({
 *   open: (socket) => void topics.subscribe(socket, "news"),
 *   message: (socket, data) => void topics.publish("news", data, { except: socket }),
 * }, { port: 0 });
 * console.log(topics.count("news")); // 0
 * ```
 */
// deno-lint-ignore no-explicit-any -- see WebSocketConnection
export class Topics<Data = any> implements Disposable {
  readonly #maxTopicsPerSocket: number;
  readonly #maxTopicLength: number;
  readonly #slow: SlowPolicy;
  readonly #relay: TopicRelay | undefined;
  readonly #onError: (error: unknown) => void;
  readonly #origin: string = crypto.randomUUID();
  readonly #subscribers: Map<string, Set<WebSocketConnection<Data>>> = new Map();
  readonly #topics: Map<WebSocketConnection<Data>, Set<string>> = new Map();
  readonly #leaveRelay: (() => void) | undefined;
  #dropped = 0;

  /**
   * Makes topics.
   *
   * @param options Limits, what becomes of slow subscribers, and a relay.
   * @throws {TypeError} If an option is wrong.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(options: TopicsOptions = {}) {
    checkOptionNames(options, [
      ...["maxTopicsPerSocket", "maxTopicLength", "slow", "relay", "onError"],
    ]);
    const { slow = "drop", relay, onError = logError } = options;
    checkSlowPolicy(slow);
    if (typeof onError !== "function") {
      throw new TypeError(
        `Cannot use option "onError": expected a function, got ${describe(onError)}`,
      );
    }
    this.#maxTopicsPerSocket = limit(options, "maxTopicsPerSocket", 100);
    this.#maxTopicLength = limit(options, "maxTopicLength", 256);
    this.#slow = slow;
    this.#onError = onError;
    this.#relay = relay;
    if (relay === undefined) return;
    if (typeof relay.publish !== "function" || typeof relay.subscribe !== "function") {
      throw new TypeError('Cannot use option "relay": it needs publish() and subscribe()');
    }
    this.#leaveRelay = relay.subscribe((message) => this.#onRelayed(message)) ?? undefined;
  }

  /** How many topics have subscribers. */
  get size(): number {
    return this.#subscribers.size;
  }

  /** How many messages slow subscribers have missed. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Subscribes a connection to a topic.
   *
   * @param socket The connection.
   * @param topic The topic's name, which may come from a peer.
   * @returns Whether it is subscribed now; `false` when it is not open, has `maxTopicsPerSocket`
   * already or the name is empty or longer than `maxTopicLength`.
   * @throws {TypeError} If the name is no string.
   */
  subscribe(socket: WebSocketConnection<Data>, topic: string): boolean {
    checkTopic(topic);
    if (topic === "" || topic.length > this.#maxTopicLength || socket.readyState !== 1) {
      return false;
    }
    let topics = this.#topics.get(socket);
    if (topics?.has(topic)) return true;
    if ((topics?.size ?? 0) >= this.#maxTopicsPerSocket) return false;
    if (topics === undefined) {
      this.#topics.set(socket, topics = new Set());
      // Once for each time that it comes to have topics; to be taken off twice does no harm.
      void socket.closed.then(() => this.unsubscribeAll(socket));
    }
    topics.add(topic);
    const subscribers = this.#subscribers.get(topic);
    if (subscribers === undefined) this.#subscribers.set(topic, new Set([socket]));
    else subscribers.add(socket);
    return true;
  }

  /**
   * Takes a connection off a topic.
   *
   * @returns Whether it was subscribed.
   */
  unsubscribe(socket: WebSocketConnection<Data>, topic: string): boolean {
    if (!this.#topics.get(socket)?.delete(topic)) return false;
    const subscribers = this.#subscribers.get(topic)!;
    subscribers.delete(socket);
    if (subscribers.size === 0) this.#subscribers.delete(topic);
    return true;
  }

  /** Takes a connection off all of its topics; its end does that by itself. */
  unsubscribeAll(socket: WebSocketConnection<Data>): void {
    for (const topic of [...this.#topics.get(socket) ?? []]) this.unsubscribe(socket, topic);
    if (socket.readyState !== 1) this.#topics.delete(socket);
  }

  /**
   * Sends a message to all subscribers of a topic, and to the relay.
   *
   * @param topic The topic's name; one that nobody subscribes to is fine.
   * @param data A string, or bytes.
   * @param options Who does not get it, and what becomes of who is too slow.
   * @returns How many connections of this process got it, and how many missed it.
   * @throws {TypeError} If the name, the message or an option is wrong.
   */
  publish(
    topic: string,
    data: string | Bytes,
    options: BroadcastOptions<Data> = {},
  ): Delivery {
    checkTopic(topic);
    checkMessage(data);
    const delivery = this.#deliver(topic, data, options);
    if (this.#relay !== undefined) this.#publishFurther({ topic, data, origin: this.#origin });
    return delivery;
  }

  /** How many connections subscribe to a topic. */
  count(topic: string): number {
    return this.#subscribers.get(topic)?.size ?? 0;
  }

  /** The topics of a connection. */
  topicsOf(socket: WebSocketConnection<Data>): string[] {
    return [...this.#topics.get(socket) ?? []];
  }

  /** The connections that subscribe to a topic. */
  subscribers(topic: string): WebSocketConnection<Data>[] {
    return [...this.#subscribers.get(topic) ?? []];
  }

  /** Leaves the relay; subscriptions stay. */
  [Symbol.dispose](): void {
    this.#leaveRelay?.();
  }

  #deliver(topic: string, data: string | Bytes, options: BroadcastOptions<Data>): Delivery {
    const { slow = this.#slow } = options;
    const delivery = broadcast(this.#subscribers.get(topic) ?? [], data, { ...options, slow });
    this.#dropped += delivery.dropped;
    return delivery;
  }

  #publishFurther(message: RelayMessage): void {
    try {
      const sent: unknown = this.#relay!.publish(message);
      if (sent instanceof Promise) sent.catch(this.#onError);
    } catch (error) {
      this.#onError(error);
    }
  }

  /** A message of another process: what is none is the relay's fault, and ends nothing. */
  #onRelayed(message: RelayMessage): void {
    if (message?.origin === this.#origin) return; // our own, by a relay that returns everything
    try {
      checkTopic(message?.topic);
      checkMessage(message?.data);
      this.#deliver(message.topic, message.data, {});
    } catch (error) {
      this.#onError(error);
    }
  }
}

function checkTopic(topic: unknown): void {
  if (typeof topic !== "string") {
    throw new TypeError(`Cannot use topic: expected a string, got ${describe(topic)}`);
  }
}

function limit(
  options: TopicsOptions,
  name: "maxTopicsPerSocket" | "maxTopicLength",
  standard: number,
): number {
  const value = options[name] ?? standard;
  if (typeof value !== "number") {
    throw new TypeError(`Cannot use option "${name}": expected a number, got ${describe(value)}`);
  }
  if (!Number.isInteger(value) || value < 1) {
    throw new RangeError(
      `Cannot use option "${name}": expected an integer from 1 on, got ${value}`,
    );
  }
  return value;
}
