/**
 * Event handlers: the `on…` attributes.
 *
 * @see HTML, section 8.1.8.1
 * @module
 */

import { isObject } from "./idl.ts";

interface Slot {
  value: object;
  readonly listener: (event: Event) => void;
}

/** The event handlers of one event target. */
export class EventHandlers {
  readonly #target: EventTarget;
  readonly #slots = new Map<string, Slot>();

  constructor(target: EventTarget) {
    this.#target = target;
  }

  /** The handler for a type of event, or `null`. */
  get(type: string): object | null {
    return this.#slots.get(type)?.value ?? null;
  }

  /**
   * Sets the handler for a type of event. It has its place among the listeners from the time when
   * there was none before; `null` gives the place up.
   *
   * @param type The type.
   * @param value An object, called if it can be; anything else is taken for `null`.
   */
  set(type: string, value: unknown): void {
    const slot = this.#slots.get(type);
    if (!isObject(value)) {
      if (slot === undefined) return;
      this.#slots.delete(type);
      this.#target.removeEventListener(type, slot.listener);
    } else if (slot !== undefined) {
      slot.value = value;
    } else {
      const made: Slot = { value, listener: (event) => call(made.value, event) };
      this.#slots.set(type, made);
      this.#target.addEventListener(type, made.listener);
    }
  }
}

/** What it throws goes to the event target, which reports it. */
function call(handler: object, event: Event): void {
  if (typeof handler !== "function") return;
  const result = Reflect.apply(handler, event.currentTarget, [event]);
  if (result === false) event.preventDefault();
}
