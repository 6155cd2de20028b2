/**
 * What carries messages on topics between processes.
 * @module
 */

import type { Bytes } from "../api/sendable.ts";

/** A message on its way between processes. */
export interface RelayMessage {
  /** The topic's name. */
  readonly topic: string;
  /** A string, or bytes. */
  readonly data: string | Bytes;
  /** Which `Topics` published it: so a relay may return to each what it published itself. */
  readonly origin: string;
}

/**
 * Carries messages to other processes and theirs here: a message broker's client, for example.
 *
 * Every message that one `Topics` publishes must reach every other one that subscribes. The relay
 * has its own limits: what it cannot send it drops, or throws for `onError`.
 */
export interface TopicRelay {
  /** Sends a message to the other processes. */
  publish(message: RelayMessage): void | Promise<void>;
  /**
   * Names who takes the messages of other processes.
   *
   * @returns A function that ends that.
   */
  subscribe(callback: (message: RelayMessage) => void): (() => void) | void;
}

/**
 * Makes a relay of a `BroadcastChannel`: it reaches the other threads (workers) of this process, and
 * on Deno Deploy the other instances. Separate processes need a broker.
 *
 * @param name The channel's name, the same in all threads.
 * @returns The relay; disposing of it closes the channel, which keeps the process alive until then.
 *
 * @example
 * ```ts
 * import { broadcastChannelRelay, Topics } from "@fullduplex/ws/server";
 *
 * using relay = broadcastChannelRelay("chat");
 * using topics = new Topics({ relay });
 * topics.publish("news", "hello, other threads");
 * ```
 */
export function broadcastChannelRelay(name: string): TopicRelay & Disposable {
  const channel = new BroadcastChannel(name);
  return {
    publish: (message) => channel.postMessage(message),
    subscribe(callback) {
      const listener = ({ data }: MessageEvent) => callback(data);
      channel.addEventListener("message", listener);
      return () => channel.removeEventListener("message", listener);
    },
    [Symbol.dispose]: () => channel.close(),
  };
}
