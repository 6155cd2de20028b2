/**
 * What a connection needs only where an option, or a server's answer, asks for it: cookies, redirects,
 * tunnels, other byte streams, observers. Loaded together, for together they are small.
 * @module
 */

export { tapClient } from "../../api/engine_tap.ts";
export { StreamTransport } from "../../api/stream_transport.ts";
export { addCookies, keepCookies, keepNewCookies } from "./cookie_jar.ts";
export { environmentProxy } from "./environment_proxy.ts";
export { nextHop, refused } from "./redirects.ts";
export { openTunnel } from "./tunnel.ts";
