/**
 * The opening handshake: header grammars, bounded HTTP/1.1 heads, and both sides' decisions.
 *
 * Nothing here does any input or output, or knows a clock.
 *
 * @see RFC 6455, section 4
 * @module
 */

export * from "./accept_key.ts";
export * from "./client.ts";
export {
  basicAuthorization,
  type ClientHandshake,
  type ClientRequestOptions,
  createRequest,
} from "./client_request.ts";
export * from "./extension_header.ts";
export { type HeaderField, toHeaderFields } from "./extra_headers.ts";
export * from "./grammar.ts";
export { checkHeader } from "./header_check.ts";
export * from "./header_reader.ts";
export * from "./http_encoder.ts";
export * from "./http_head.ts";
export type { Negotiated } from "./negotiation.ts";
export * from "./origin.ts";
export * from "./refusal.ts";
export * from "./server.ts";
export * from "./subprotocol.ts";
