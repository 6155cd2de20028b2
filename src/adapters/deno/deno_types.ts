/**
 * The few things of Deno's API that the adapter touches, as structural types: users of the npm
 * package need no types of Deno.
 *
 * @module
 */

/** The socket that `Deno.upgradeWebSocket` makes. */
export interface DenoWebSocket {
  binaryType: string;
  readonly bufferedAmount: number;
  send(data: string | Uint8Array): void;
  close(closeCode?: number, reason?: string): void;
  addEventListener(type: "open", listener: () => void): void;
  addEventListener(
    type: "message",
    listener: (event: { readonly data: string | ArrayBuffer }) => void,
  ): void;
  addEventListener(
    type: "error",
    listener: (event: { readonly message?: string; readonly error?: unknown }) => void,
  ): void;
  addEventListener(
    type: "close",
    listener: (
      event: { readonly code: number; readonly reason: string; readonly wasClean: boolean },
    ) => void,
  ): void;
}

/** `Deno.upgradeWebSocket`. */
export type DenoUpgrade = (
  request: Request,
  options: { idleTimeout: number },
) => { readonly response: Response; readonly socket: DenoWebSocket };

/** What `Deno.serve` hands to its handler beside the request: `Deno.ServeHandlerInfo`. */
export interface DenoServeInfo {
  /** The peer's address; over a Unix socket it has no `hostname`. */
  readonly remoteAddr: { readonly transport: string; readonly hostname?: string };
}

/**
 * Finds `Deno.upgradeWebSocket`.
 *
 * @throws {TypeError} On another runtime.
 */
export function denoUpgrade(): DenoUpgrade {
  const { Deno: deno } = globalThis as { Deno?: { upgradeWebSocket?: DenoUpgrade } };
  if (typeof deno?.upgradeWebSocket !== "function") {
    throw new TypeError(
      "Cannot upgrade: there is no Deno.upgradeWebSocket here; on Bun use " +
        '"@fullduplex/ws/bun", on Node.js "fullduplex/node", anywhere "@fullduplex/ws/serve"',
    );
  }
  return deno.upgradeWebSocket;
}
