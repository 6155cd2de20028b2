/**
 * The part of a reconnecting socket that is about listeners: types for `addEventListener()`, and the
 * `on…` properties.
 * @module
 */

import type { AnyListener, ListenerOptions } from "../listener_types.ts";
import { EventHandlers } from "../websocket/event_handlers.ts";
import type { ReconnectingEventMap } from "./events.ts";

/** A function for one kind of events. */
export type ReconnectingListener<Type extends keyof ReconnectingEventMap> = (
  event: ReconnectingEventMap[Type],
) => unknown;

/** An event target with the listeners' types and properties of a reconnecting socket. */
export class ReconnectingEventTarget extends EventTarget {
  readonly #handlers = new EventHandlers(this);

  /** Called when there is a connection. */
  get onopen(): ReconnectingListener<"open"> | null {
    return this.#handlers.get("open") as ReconnectingListener<"open"> | null;
  }

  set onopen(listener: ReconnectingListener<"open"> | null) {
    this.#handlers.set("open", listener);
  }

  /** Called with each message. */
  get onmessage(): ReconnectingListener<"message"> | null {
    return this.#handlers.get("message") as ReconnectingListener<"message"> | null;
  }

  set onmessage(listener: ReconnectingListener<"message"> | null) {
    this.#handlers.set("message", listener);
  }

  /** Called before `onclose`, when it ends by a failure. */
  get onerror(): ReconnectingListener<"error"> | null {
    return this.#handlers.get("error") as ReconnectingListener<"error"> | null;
  }

  set onerror(listener: ReconnectingListener<"error"> | null) {
    this.#handlers.set("error", listener);
  }

  /** Called once, when all is over. */
  get onclose(): ReconnectingListener<"close"> | null {
    return this.#handlers.get("close") as ReconnectingListener<"close"> | null;
  }

  set onclose(listener: ReconnectingListener<"close"> | null) {
    this.#handlers.set("close", listener);
  }

  /**
   * Listens for events.
   *
   * @param type The events' name.
   * @param listener What to call with each.
   * @param options As of any event target.
   */
  override addEventListener<Type extends keyof ReconnectingEventMap>(
    type: Type,
    listener: ReconnectingListener<Type> | null,
    options?: boolean | ListenerOptions,
  ): void;
  /** Listens for events of other kinds. */
  override addEventListener(
    type: string,
    listener: AnyListener | null,
    options?: boolean | ListenerOptions,
  ): void;
  /** Listens for events of other kinds. */
  override addEventListener(
    type: string,
    // deno-lint-ignore no-explicit-any -- one of the above
    listener: any,
    options?: boolean | ListenerOptions,
  ): void {
    super.addEventListener(type, listener, options);
  }

  /**
   * Listens no more.
   *
   * @param type The events' name.
   * @param listener What was to be called.
   * @param options As of any event target.
   */
  override removeEventListener<Type extends keyof ReconnectingEventMap>(
    type: Type,
    listener: ReconnectingListener<Type> | null,
    options?: boolean | ListenerOptions,
  ): void;
  /** Listens no more for events of other kinds. */
  override removeEventListener(
    type: string,
    listener: AnyListener | null,
    options?: boolean | ListenerOptions,
  ): void;
  /** Listens no more for events of other kinds. */
  override removeEventListener(
    type: string,
    // deno-lint-ignore no-explicit-any -- one of the above
    listener: any,
    options?: boolean | ListenerOptions,
  ): void {
    super.removeEventListener(type, listener, options);
  }
}
