/**
 * What a connection needs of a byte stream. The Web Streams binding is the reference; adapters
 * implement the same contract straight on their runtime's sockets.
 *
 * @module
 */

/** Takes what a {@linkcode Transport} reports. */
export interface TransportEvents {
  /**
   * Takes bytes from the peer. The receiver owns the chunk: it may change it and keep it.
   *
   * @param lent Whether it may do so during the call only; never to who has not asked for that with
   * {@linkcode Transport.lend}. Default: `false`.
   */
  onData(chunk: Uint8Array, lent?: boolean): void;
  /** Takes the end of the peer's bytes; ours may still go. */
  onEnd(): void;
  /** Tells that all bytes written so far have left, after a `write` that returned `false`. */
  onDrain(): void;
  /**
   * Tells that the stream is gone, both ways. Called once, and nothing is called after it.
   *
   * @param error Why, when it failed.
   */
  onClose(error?: unknown): void;
}

/** A byte stream in both directions, driven by plain calls. */
export interface Transport {
  /** Bytes written that have not left yet. */
  readonly bufferedBytes: number;
  /** The peer's address, where the stream knows one. */
  readonly remoteAddress?: string | undefined;
  /**
   * Names who is told from now on; a later call replaces the earlier one's events. An end or a
   * close that was told before is told again, a little later. Reading starts with `resume()`.
   */
  attach(events: TransportEvents): void;
  /**
   * Writes parts in order, as one write where the stream can do that.
   *
   * @param parts The parts; the caller leaves them unchanged until they have left.
   * @returns `true` when they have left already and their memory is free again; `false` when
   * `onDrain` will tell.
   */
  write(parts: readonly Uint8Array[]): boolean;
  /**
   * Lets chunks be lent from now on, until the next `attach`: to who copies what it keeps. So memory
   * can be read into over and over, or be freed without waiting for a garbage collection.
   */
  lend?(): void;
  /** Stops reading, so that the peer is held back: no `onData` and no `onEnd` until `resume()`. */
  pause(): void;
  /** Goes on reading. */
  resume(): void;
  /**
   * Ends our direction after what was written; does nothing the second time. When the peer's
   * direction has ended too, the stream closes by itself.
   */
  end(): void;
  /** Cuts both directions at once. */
  destroy(): void;
  /**
   * Calls back when everything that is ready to run has run, where the runtime has a way to say so:
   * then is the time to write what was sent one by one. Default: a few turns of the microtask queue.
   */
  defer?(callback: () => void): void;
}
