/**
 * Close codes: RFC 6455, section 7.4, and the IANA registry it opened.
 * @module
 */

/** Names for the close codes that a WebSocket endpoint meets. */
export const CloseCode = {
  /** The purpose of the connection is fulfilled. */
  NORMAL: 1000,
  /** A server shuts down, or a page is left. */
  GOING_AWAY: 1001,
  /** The peer broke the protocol. */
  PROTOCOL_ERROR: 1002,
  /** The peer sent a type of data that is not accepted here. */
  UNSUPPORTED_DATA: 1003,
  /** Never on the wire: the peer's close frame had no code. */
  NO_STATUS: 1005,
  /** Never on the wire: the connection ended without a close frame. */
  ABNORMAL: 1006,
  /** Text was not UTF-8, or a message does not fit its type. */
  INVALID_PAYLOAD: 1007,
  /** A message violates a policy and no other code fits. */
  POLICY_VIOLATION: 1008,
  /** A message is too large to process. */
  MESSAGE_TOO_BIG: 1009,
  /** The server did not accept an extension that the client needs. */
  MANDATORY_EXTENSION: 1010,
  /** The endpoint met a condition that it did not expect. */
  INTERNAL_ERROR: 1011,
  /** The service restarts. */
  SERVICE_RESTART: 1012,
  /** The service is overloaded; try again later. */
  TRY_AGAIN_LATER: 1013,
  /** A gateway got an invalid answer from its upstream. */
  BAD_GATEWAY: 1014,
} as const;

/**
 * Tells whether a close code may stand in a close frame.
 *
 * 1004, 1005, 1006 and 1015 are reserved, 1016–2999 are for future specifications,
 * 3000–4999 belong to libraries and applications.
 *
 * @param code The close code.
 * @see RFC 6455, section 7.4.2
 */
export function isWireCloseCode(code: number): boolean {
  return Number.isInteger(code) && ((code >= 1000 && code <= 1003) ||
    (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999));
}
