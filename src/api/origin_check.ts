/**
 * The origin policy for features that answer requests of their own.
 * @module
 */

export { compileOrigins } from "../handshake/mod.ts";
