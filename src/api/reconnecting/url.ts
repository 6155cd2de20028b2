/**
 * URLs of WebSockets.
 * @module
 */

/**
 * Parses the URL of a WebSocket as the standard does.
 *
 * @param url A URL, relative to the page's where there is one.
 * @returns It with the scheme ws or wss.
 * @throws {DOMException} `SyntaxError`, if it is none, has another scheme or a fragment. The message
 * leaves the URL out, for there may be a token in it.
 */
export function normalizeUrl(url: string | URL): string {
  const base = (globalThis as { location?: { href: string } }).location?.href;
  let parsed: URL;
  try {
    parsed = new URL(url, base);
  } catch {
    throw new DOMException("Cannot connect: the URL is not one", "SyntaxError");
  }
  parsed.protocol = parsed.protocol.replace(/^http/, "ws");
  if (!/^wss?:$/.test(parsed.protocol)) {
    throw new DOMException(
      `Cannot connect: expected a URL with ws:, wss:, http: or https:, got ${parsed.protocol}`,
      "SyntaxError",
    );
  }
  if (parsed.href.includes("#")) {
    throw new DOMException("Cannot connect: the URL has a fragment", "SyntaxError");
  }
  return parsed.href;
}
