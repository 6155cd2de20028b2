/**
 * The few things of Node's API that the adapter touches, as structural types: users of the npm
 * package need no `@types/node`, and Deno's and Bun's `node:` modules fit as well.
 *
 * @module
 */

/** A TCP or TLS socket: `net.Socket` or `tls.TLSSocket`. */
export interface NodeSocket {
  readonly destroyed: boolean;
  readonly writableLength: number;
  readonly remoteAddress?: string | undefined;
  /** `true` over TLS; Bun 1.4 has it on every socket, `false` without. */
  readonly encrypted?: boolean | undefined;
  on(event: string, listener: (...args: never[]) => void): unknown;
  once(event: string, listener: (...args: never[]) => void): unknown;
  removeListener(event: string, listener: (...args: never[]) => void): unknown;
  write(chunk: Uint8Array | string, callback?: () => void): boolean;
  cork(): void;
  uncork(): void;
  pause(): unknown;
  resume(): unknown;
  end(): unknown;
  destroy(): unknown;
}

/** The opening request: `http.IncomingMessage`. */
export interface NodeRequest {
  /** The method. */
  readonly method?: string | undefined;
  /** The request target. */
  readonly url?: string | undefined;
  /** The HTTP version, such as `"1.1"`. */
  readonly httpVersion: string;
  /** Names and values of the header fields, in turn, as they came. */
  readonly rawHeaders: readonly string[];
}

/**
 * What `http.Server` hands to "upgrade" listeners as its socket; a `stream.Duplex` in its types.
 * No more of it is named here than tells it from anything else: listener types differ by version.
 */
export interface NodeDuplex {
  /** Cuts the stream. */
  destroy(): unknown;
}
