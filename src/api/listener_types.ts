/**
 * What `addEventListener()` takes, for declarations: Node's types have no such names without the
 * library `dom`.
 * @module
 */

/** A function or an object that takes events of any kind. */
export type AnyListener =
  | ((event: Event) => void)
  | { handleEvent(event: Event): void };

/** How a listener is added. */
export interface ListenerOptions {
  /** Whether it is called before those of the target itself. Default: `false`. */
  capture?: boolean;
  /** Whether it is removed after its first event. Default: `false`. */
  once?: boolean;
  /** Whether it promises not to call `preventDefault()`. Default: `false`. */
  passive?: boolean;
  /** Removes it when aborted. Default: none. */
  signal?: AbortSignal;
}
