/**
 * The consumer behind the `message` callback.
 * @module
 */

import type { ConnectionCore } from "./connection_core.ts";
import type { HandlerCallbacks } from "./handler.ts";
import type { Message, MessageConsumer } from "./message_queue.ts";

/** Hands every message to a callback, at once and in order; drops them where there is none. */
export class CallbackConsumer implements MessageConsumer {
  readonly #core: ConnectionCore;
  readonly #message: HandlerCallbacks["message"];

  /**
   * @param core Whose messages they are.
   * @param callbacks What to call.
   */
  constructor(core: ConnectionCore, callbacks: HandlerCallbacks) {
    this.#core = core;
    this.#message = callbacks.message;
  }

  onMessage(data: Message): void {
    this.#core.call(this.#message, data);
  }

  // Messages are delivered whole while this is the consumer.
  onMessageStart(): void {}
  onMessageSlice(): void {}
  onMessageEnd(): void {}
  onEnd(): void {}
}
