/**
 * The errors this library reports, and the one list of their stable codes.
 *
 * Misuse by the caller is a `TypeError`, a `RangeError` or an `InvalidStateError` `DOMException`;
 * everything that a peer or a network did is one of the two classes here.
 *
 * @module
 */

/** A stable code of a {@linkcode WebSocketError}; {@linkcode WEBSOCKET_ERROR_CODES} says what each means. */
export type WebSocketErrorCode =
  | "WS_RSV1_UNEXPECTED"
  | "WS_RSV2_UNEXPECTED"
  | "WS_RSV3_UNEXPECTED"
  | "WS_OPCODE_RESERVED"
  | "WS_MASK_MISSING"
  | "WS_MASK_UNEXPECTED"
  | "WS_CONTROL_FRAGMENTED"
  | "WS_CONTROL_TOO_LONG"
  | "WS_LENGTH_NOT_MINIMAL"
  | "WS_LENGTH_INVALID"
  | "WS_CONTINUATION_UNEXPECTED"
  | "WS_CONTINUATION_EXPECTED"
  | "WS_CLOSE_PAYLOAD_INVALID"
  | "WS_CLOSE_CODE_INVALID"
  | "WS_UTF8_INVALID"
  | "WS_TOO_MANY_FRAGMENTS"
  | "WS_FRAME_TOO_LARGE"
  | "WS_MESSAGE_TOO_LARGE"
  | "WS_DEFLATE_INVALID"
  | "WS_RECEIVE_BUFFER_FULL"
  | "WS_HANDLER_FAILED"
  | "WS_SEND_FAILED"
  | "WS_COMPRESSION_FAILED"
  | "WS_CONNECTION_LOST"
  | "WS_CLOSE_TIMEOUT"
  | "WS_PING_TIMEOUT"
  | "WS_SEND_BUFFER_FULL"
  | "WS_MESSAGE_INCOMPLETE"
  | "WS_TERMINATED"
  | "WS_ABORTED"
  | "WS_CLOSED_BY_APPLICATION"
  | "WS_OPENING_FAILED"
  | "WS_NOT_OPEN";

/** What a close frame says to the peer, by the code of the error that it is sent for. */
export const WIRE_REASONS = {
  // The peer broke the framing rules; answered with close code 1002.
  WS_RSV1_UNEXPECTED: "a frame has RSV1 set and no extension gave it a meaning",
  WS_RSV2_UNEXPECTED: "a frame has RSV2 set and no extension gave it a meaning",
  WS_RSV3_UNEXPECTED: "a frame has RSV3 set and no extension gave it a meaning",
  WS_OPCODE_RESERVED: "a frame has a reserved opcode",
  WS_MASK_MISSING: "a client sent an unmasked frame",
  WS_MASK_UNEXPECTED: "a server sent a masked frame",
  WS_CONTROL_FRAGMENTED: "a control frame is fragmented",
  WS_CONTROL_TOO_LONG: "a control frame has more than 125 payload bytes",
  WS_LENGTH_NOT_MINIMAL: "a payload length is not in its shortest form",
  WS_LENGTH_INVALID: "a 64-bit payload length has its top bit set",
  WS_CONTINUATION_UNEXPECTED: "a continuation frame came without a message to continue",
  WS_CONTINUATION_EXPECTED: "a new message began before the fragmented one was finished",
  WS_CLOSE_PAYLOAD_INVALID: "a close frame has a payload of one byte",
  WS_CLOSE_CODE_INVALID: "a close frame carries a code that must not be sent",
  // The peer's data is not acceptable; close codes 1007, 1008 and 1009.
  WS_UTF8_INVALID: "text or a close reason is not valid UTF-8",
  WS_TOO_MANY_FRAGMENTS: "a message has more fragments than maxFragments",
  WS_FRAME_TOO_LARGE: "a frame is larger than maxFrameBytes",
  WS_MESSAGE_TOO_LARGE: "a message is larger than maxMessageBytes",
  WS_DEFLATE_INVALID: "a compressed message is corrupt",
  WS_RECEIVE_BUFFER_FULL: "nobody takes messages: more than maxBufferedBytes wait here",
  // This side failed; close code 1011.
  WS_HANDLER_FAILED: "the handler failed",
  WS_SEND_FAILED: "the source of a streamed message failed",
  WS_COMPRESSION_FAILED: "the codec of permessage-deflate failed",
} as const satisfies Partial<Record<WebSocketErrorCode, string>>;

/** The codes of errors that no close frame is sent for, with what they mean. */
const UNTOLD = {
  // The connection ended without a close handshake; seen as close code 1006.
  WS_CONNECTION_LOST: "the byte stream ended or failed before the close handshake",
  WS_CLOSE_TIMEOUT: "the peer did not finish the close handshake within closeTimeoutMs",
  WS_PING_TIMEOUT: "the peer showed no sign of life for pingTimeoutMs after a ping",
  WS_SEND_BUFFER_FULL: "the peer does not read: more than maxBufferedBytes wait to be sent",
  WS_MESSAGE_INCOMPLETE: "the connection was closed before a streamed message had come to its end",
  WS_TERMINATED: "this side cut the connection with terminate()",
  WS_ABORTED: "the signal given to the connection was aborted",
  // The application's own doing.
  WS_CLOSED_BY_APPLICATION: "the application closed the connection, or made the error itself",
  WS_OPENING_FAILED: "a WebSocketStream could not be opened; the cause tells why",
  WS_NOT_OPEN: "the connection is closing or closed, so nothing more can be sent",
} as const satisfies Partial<Record<WebSocketErrorCode, string>>;

/**
 * Every `code` of a {@linkcode WebSocketError}, with what it means.
 *
 * Codes are stable: one is never renamed or given another meaning within a major version.
 */
export const WEBSOCKET_ERROR_CODES: Readonly<Record<WebSocketErrorCode, string>> =
  // Joined from two, so that a bundle of the engine, which tells peers only, has only one.
  /* @__PURE__ */ Object.assign({}, WIRE_REASONS, UNTOLD);

/** What a {@linkcode WebSocketError} is made from, beside its message. */
export interface WebSocketErrorInit {
  /** The stable code. Default: `"WS_CLOSED_BY_APPLICATION"`. */
  code?: WebSocketErrorCode;
  /**
   * The close code that was sent to the peer, or that the connection ended with. Default: 1006;
   * without `code` 1005 (none), or 1000 when there is a reason.
   */
  closeCode?: number;
  /** The reason that went with `closeCode`. Default: `""`. */
  reason?: string;
  /** The error that led to this one. */
  cause?: unknown;
}

/**
 * Reports that a WebSocket connection failed, and why.
 *
 * An application makes one without a `code` to say with which close code and reason a
 * `WebSocketStream` is to be closed: `writable.abort(new WebSocketError(why, { closeCode: 4001 }))`.
 * As the WebSocketStream proposal says, that must be 1000 or 3000–4999, and the reason have at most
 * 123 bytes.
 *
 * @example
 * ```ts
 * import { WebSocketError } from "@fullduplex/ws";
 *
 * const error = new WebSocketError("Cannot decode frame: RSV1 is set", {
 *   code: "WS_RSV1_UNEXPECTED",
 *   closeCode: 1002,
 * });
 * console.log(error.code, error.closeCode);
 * ```
 *
 * @see RFC 6455, section 7.1.7 (Fail the WebSocket Connection)
 */
export class WebSocketError extends Error {
  /** `"WebSocketError"`. */
  override readonly name = "WebSocketError";
  /** The stable code: a key of {@linkcode WEBSOCKET_ERROR_CODES}. */
  readonly code: WebSocketErrorCode;
  /** The close code sent to the peer, or 1006 when none could be sent. */
  readonly closeCode: number;
  /** The reason that went with `closeCode`; may be empty. */
  readonly reason: string;

  /**
   * Makes the error.
   *
   * @param message What could not be done, and why. Default: `""`.
   * @param init The stable code, the close code and the cause. Default: none.
   * @throws {DOMException} `InvalidAccessError` or `SyntaxError`, if there is no `code`, and the close
   * code or the reason is not for applications.
   */
  constructor(message = "", init: WebSocketErrorInit = {}) {
    const { code, closeCode, reason = "", cause } = init;
    super(message, cause === undefined ? undefined : { cause });
    if (code === undefined) checkOwnClose(closeCode, reason);
    this.code = code ?? "WS_CLOSED_BY_APPLICATION";
    this.closeCode = closeCode ?? (code !== undefined ? 1006 : reason === "" ? 1005 : 1000);
    this.reason = reason;
  }
}

/** Checks what an application wants a connection to be closed with. */
function checkOwnClose(closeCode: number | undefined, reason: string): void {
  if (closeCode !== undefined && closeCode !== 1000 && !(closeCode >= 3000 && closeCode <= 4999)) {
    throw new DOMException(
      `Cannot make WebSocketError: close code ${closeCode} is not 1000 or 3000-4999`,
      "InvalidAccessError",
    );
  }
  if (new TextEncoder().encode(reason).length > 123) {
    throw new DOMException(
      "Cannot make WebSocketError: the reason is longer than 123 bytes of UTF-8",
      "SyntaxError",
    );
  }
}

/** Every `code` of a {@linkcode HandshakeError}, with what it means. */
export const HANDSHAKE_ERROR_CODES = {
  // Seen by a client.
  WS_HANDSHAKE_REFUSED: "the server answered with a status other than 101",
  WS_HANDSHAKE_INVALID: "the server's 101 response breaks a MUST of RFC 6455, section 4.1",
  WS_HANDSHAKE_TIMEOUT: "the handshake did not finish within handshakeTimeoutMs",
  WS_HANDSHAKE_ABORTED: "the signal was aborted before the handshake finished",
  WS_CONNECT_FAILED: "no connection to the server could be made, or it was lost in the handshake",
  WS_PROXY_FAILED: "no connection to the proxy could be made, or it was lost before the tunnel's",
  WS_PROXY_REFUSED: "the proxy refused to make a connection to the server",
  WS_REDIRECT_REFUSED: "a redirect was not followed: one too many, or to where it must not lead",
  WS_COOKIES_FAILED: "a function of the cookies option threw, or gave a malformed value",
  // Seen by either side.
  WS_HANDSHAKE_MALFORMED: "the peer's HTTP message head is malformed",
  WS_HANDSHAKE_TOO_LARGE: "the peer's HTTP message head is larger than maxHeaderBytes",
  // Seen by a server.
  WS_REQUEST_INVALID: "the request is not a valid WebSocket opening handshake",
  WS_VERSION_UNSUPPORTED: "the client asks for a protocol version other than 13",
  WS_ORIGIN_REFUSED: "the origin policy does not allow the request's origin",
  WS_VERIFY_REFUSED: "verify() answered with a response",
  WS_VERIFY_FAILED: "verify(), a chooser or a headers function threw",
} as const;

/** A stable code of a {@linkcode HandshakeError}. */
export type HandshakeErrorCode = keyof typeof HANDSHAKE_ERROR_CODES;

/** What a {@linkcode HandshakeError} is made from, beside its message. */
export interface HandshakeErrorInit {
  /** The stable code. */
  code: HandshakeErrorCode;
  /** The HTTP status that was received or sent; 0 when there was none. Default: 0. */
  status?: number;
  /** The headers of the response that was received or sent. Default: none. */
  headers?: Headers;
  /** The start of the response's body, decoded as UTF-8. Default: `""`. */
  body?: string;
  /** The error that led to this one. */
  cause?: unknown;
}

/**
 * Reports that an opening handshake failed, with the HTTP response that says why.
 *
 * @example
 * ```ts
 * import { HandshakeError } from "@fullduplex/ws";
 *
 * const error = new HandshakeError("Cannot connect: the server answered 401", {
 *   code: "WS_HANDSHAKE_REFUSED",
 *   status: 401,
 *   body: "token expired",
 * });
 * console.log(error.status, error.body);
 * ```
 *
 * @see RFC 6455, section 4
 */
export class HandshakeError extends Error {
  /** `"HandshakeError"`. */
  override readonly name = "HandshakeError";
  /** The stable code: a key of {@linkcode HANDSHAKE_ERROR_CODES}. */
  readonly code: HandshakeErrorCode;
  /** The HTTP status received (client) or sent (server); 0 when there was none. */
  readonly status: number;
  /** The headers of that response. */
  readonly headers: Headers;
  /** The start of that response's body, decoded as UTF-8. */
  readonly body: string;

  /**
   * Makes the error.
   *
   * @param message What could not be done, and why.
   * @param init The stable code, the response and the cause.
   */
  constructor(message: string, init: HandshakeErrorInit) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = init.code;
    this.status = init.status ?? 0;
    this.headers = init.headers ?? new Headers();
    this.body = init.body ?? "";
  }
}
