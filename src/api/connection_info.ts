/**
 * What is known of a connection.
 * @module
 */

import type { UpgradeRequest } from "../handshake/mod.ts";

/** What the handshake settled, and who is there. */
export interface ConnectionInfo {
  /** The subprotocol; `""` for none. */
  readonly protocol: string;
  /** The extensions in use, as the header value; `""` for none. */
  readonly extensions: string;
  /** The URL that was asked for. Default: the one that the request stands for. */
  readonly url?: string;
  /** The header fields of the 101 response, on a client. */
  readonly responseHeaders?: Headers | undefined;
  /** The opening request, on a server. */
  readonly request?: UpgradeRequest | undefined;
  /** The peer's address, where it is known. */
  readonly remoteAddress?: string | undefined;
}
