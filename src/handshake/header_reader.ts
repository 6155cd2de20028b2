/**
 * The little that the handshake needs to know of a request and of header fields.
 *
 * @module
 */

/** Looks header fields up by name; the DOM `Headers` is one. */
export interface HeaderReader {
  /**
   * Returns the value of a field, or `null` when it is absent.
   *
   * @param name The field's name, in any case. Repeated fields come joined by `", "`.
   */
  get(name: string): string | null;
}

/** The opening request of a WebSocket, as user callbacks see it; a `Request` is one. */
export interface UpgradeRequest {
  /** The HTTP method, `"GET"` for a valid opening handshake. */
  readonly method: string;
  /** The absolute URL that was asked for, with the scheme `http:` or `https:`. */
  readonly url: string;
  /** The header fields. */
  readonly headers: Headers;
}

/** A request of either kind: a `Request`, or what `node:http` gives. */
export interface RequestLike {
  /** The method. */
  readonly method?: string | undefined;
  /** The header fields. */
  readonly headers:
    | { get(name: string): string | null }
    | { readonly [name: string]: string | readonly string[] | undefined };
}

/**
 * Header fields in any form that `new Headers()` takes: the platform's `HeadersInit`, under a name
 * of our own because not every TypeScript configuration knows that one.
 */
export type HeadersLike = Headers | Record<string, string> | [name: string, value: string][];
