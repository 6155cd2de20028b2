/**
 * URLs of WebSockets on unix sockets: `ws+unix:/path/to.sock:/request/path?query`.
 * @module
 */

/** What such a URL says. */
export interface UnixUrl {
  /** The file to connect to. */
  readonly socketPath: string;
  /** The URL to ask for. */
  readonly url: string;
  /** The whole of it, up to the request's path. */
  readonly prefix: string;
}

/** What the Host field says, and what a certificate must be for. */
const HOST = "localhost";

/**
 * Takes a `ws+unix:` or `wss+unix:` URL apart: the file's path, then, after a colon, the request's
 * path and query. A colon in the file's path is written `%3A`.
 *
 * @param input Any URL.
 * @returns Its parts, or `undefined` for a URL of another scheme.
 * @throws {TypeError} If it names no file, or something else that it must not.
 */
export function parseUnixUrl(input: string | URL): UnixUrl | undefined {
  if (!/^\s*wss?\+unix:/i.test(String(input))) return undefined;
  let url: URL;
  let socketPath: string;
  let path: string;
  let prefix: string;
  try {
    url = new URL(input);
    const colon = url.pathname.indexOf(":");
    const end = colon < 0 ? url.pathname.length : colon;
    socketPath = decodeURIComponent(url.pathname.slice(0, end));
    path = url.pathname.slice(end + 1) || "/";
    prefix = `${url.protocol}${url.pathname.slice(0, end)}:`;
  } catch {
    throw new TypeError("url must be a valid URL such as ws+unix:/path/to.sock:/request/path");
  }
  if (url.host !== "" || socketPath === "" || socketPath === "/") {
    throw new TypeError("url must name a socket, as in ws+unix:/path/to.sock:/request/path");
  }
  if (socketPath.includes("\0")) {
    throw new TypeError("url must not have a NUL in its socket's path");
  }
  if (!path.startsWith("/")) {
    throw new TypeError(
      "url must have a request path that begins with /, as in ws+unix:/a.sock:/b",
    );
  }
  const scheme = url.protocol.slice(0, -"+unix:".length);
  return { socketPath, url: `${scheme}://${HOST}${path}${url.search}${url.hash}`, prefix };
}
