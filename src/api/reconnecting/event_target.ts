/**
 * The part of a reconnecting socket that is about listeners: types for `addEventListener()`, and the
 * `on…` properties.
 * @module
 */

import type { ReconnectingEventMap } from "./events.ts";

/** The events that have an `on…` property: those of a standard WebSocket. */
type HandledType = "open" | "message" | "error" | "close";

/** A function for one kind of events. */
type Listener<Type extends keyof ReconnectingEventMap> = (
  event: ReconnectingEventMap[Type],
) => unknown;

// deno-lint-ignore no-explicit-any -- listeners for different events share a place
type AnyListener = ((event: any) => unknown) | null;

/** An event target with the listeners' types and properties of a reconnecting socket. */
export class ReconnectingEventTarget extends EventTarget {
  readonly #handlers = new Map<HandledType, AnyListener>();

  /** Called when there is a connection. */
  get onopen(): Listener<"open"> | null {
    return this.#handlers.get("open") ?? null;
  }

  set onopen(listener: Listener<"open"> | null) {
    this.#setHandler("open", listener);
  }

  /** Called with each message. */
  get onmessage(): Listener<"message"> | null {
    return this.#handlers.get("message") ?? null;
  }

  set onmessage(listener: Listener<"message"> | null) {
    this.#setHandler("message", listener);
  }

  /** Called before `onclose`, when it ends by a failure. */
  get onerror(): Listener<"error"> | null {
    return this.#handlers.get("error") ?? null;
  }

  set onerror(listener: Listener<"error"> | null) {
    this.#setHandler("error", listener);
  }

  /** Called once, when all is over. */
  get onclose(): Listener<"close"> | null {
    return this.#handlers.get("close") ?? null;
  }

  set onclose(listener: Listener<"close"> | null) {
    this.#setHandler("close", listener);
  }

  /** HTML, "event handler IDL attributes": a handler keeps the place in line that its first one had. */
  #setHandler(type: HandledType, handler: AnyListener): void {
    if (!this.#handlers.has(type)) {
      if (typeof handler !== "function") return;
      super.addEventListener(type, (event) => this.#handlers.get(type)?.call(this, event));
    }
    this.#handlers.set(type, typeof handler === "function" ? handler : null);
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
    listener: Listener<Type> | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: AnyListener | EventListenerObject,
    options?: boolean | AddEventListenerOptions,
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
    listener: Listener<Type> | null,
    options?: boolean | EventListenerOptions,
  ): void;
  override removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
  override removeEventListener(
    type: string,
    listener: AnyListener | EventListenerObject,
    options?: boolean | EventListenerOptions,
  ): void {
    super.removeEventListener(type, listener, options);
  }
}
