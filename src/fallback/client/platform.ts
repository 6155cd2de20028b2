/**
 * What the client uses of the platform, some of which only browsers have.
 * @module
 */

/** The part of an `EventSource` that is used. */
export interface EventSourceLike {
  onmessage: ((event: { readonly data: string }) => unknown) | null;
  onerror: ((event: unknown) => unknown) | null;
  close(): void;
}

/** The part of a window and its document that is used. */
export interface PageLike {
  readonly document: {
    readonly body: { appendChild(child: FrameLike): unknown };
    createElement(name: string): FrameLike;
  };
  addEventListener(type: "message", listener: (event: PageMessage) => void): void;
  removeEventListener(type: "message", listener: (event: PageMessage) => void): void;
}

/** A hidden frame. */
export interface FrameLike {
  src: string;
  hidden: boolean;
  readonly contentWindow: unknown;
  onload: ((event: unknown) => unknown) | null;
  remove(): void;
}

/** What a frame hands to the page. */
export interface PageMessage {
  readonly data: unknown;
  readonly origin: string;
  readonly source: unknown;
}

/** The globals, as far as they are there. */
export const platform = globalThis as unknown as {
  readonly fetch: (url: string, init?: RequestInit) => Promise<Response>;
  readonly WebSocket?: unknown;
  readonly EventSource?: new (
    url: string,
    options?: { withCredentials?: boolean },
  ) => EventSourceLike;
} & Partial<PageLike>;

/** Whether there is a page to put a frame in. */
export function hasDocument(): boolean {
  return platform.document?.body !== undefined && platform.document.body !== null;
}
