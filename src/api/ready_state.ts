/**
 * The states of a connection that is no longer connecting.
 * @module
 */

/** The value of `readyState` while messages can be sent. */
export const OPEN = 1;
/** The value of `readyState` while the closing handshake runs. */
export const CLOSING = 2;
/** The value of `readyState` when all is over. */
export const CLOSED = 3;
