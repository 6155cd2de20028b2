/**
 * Opcodes and header bits of RFC 6455, section 5.2.
 * @module
 */

/** Continues the fragmented message before it. */
export const CONTINUATION = 0x0;
/** Starts a text message. */
export const TEXT = 0x1;
/** Starts a binary message. */
export const BINARY = 0x2;
/** Starts or answers the closing handshake. */
export const CLOSE = 0x8;
/** Asks for a pong. */
export const PING = 0x9;
/** Answers a ping, or shows that its sender is alive. */
export const PONG = 0xa;

/** The first header byte's FIN bit: the frame ends its message. */
export const FIN = 0x80;
/** The first header byte's RSV1 bit. */
export const RSV1 = 0x40;
/** The first header byte's RSV2 bit. */
export const RSV2 = 0x20;
/** The first header byte's RSV3 bit. */
export const RSV3 = 0x10;

/** The most payload bytes a control frame may have (RFC 6455 §5.5). */
export const MAX_CONTROL_BYTES = 125;
