/**
 * The console page: one HTML document that needs nothing else, and the plain HTTP answers around it.
 * @module
 */

import { CONSOLE_SCRIPT } from "./console_script.ts";
import { CONSOLE_STYLE } from "./console_style.ts";

/** A speech bubble, drawn here because the page loads nothing. */
const ICON = "data:image/svg+xml," + encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4"` +
    ` fill="#0b57d0"/><path d="M3 6h8L8.5 3.5M13 10H5l2.5 2.5" fill="none" stroke="#fff"` +
    ` stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"/></svg>`,
);

function document(paths: readonly string[]): string {
  const routes = paths.map((path) =>
    `<button type="button" class="route" data-path="${path}" aria-pressed="false">${path}</button>`
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>fullduplex console</title>
<link rel="icon" href="${ICON}">
<style>${CONSOLE_STYLE}</style>
</head>
<body>
<header>
  <h1>fullduplex <span>console</span></h1>
  <p id="state" role="status" data-state="closed">Not connected</p>
</header>
<main>
  <div class="side">
    <form id="connection" aria-label="Connection">
      <div class="field">
        <label for="url">Address</label>
        <input id="url" inputmode="url" autocomplete="off" autocapitalize="off" spellcheck="false"
          required>
      </div>
      <div class="row">
        <div class="routes" role="group" aria-label="Connect to an address of this server">
          ${routes.join("\n          ")}
        </div>
        <button id="connect" class="primary">Connect</button>
      </div>
    </form>
    <details id="more">
      <summary>Subprotocols, close code</summary>
      <div class="field">
        <label for="protocols">Subprotocols to offer</label>
        <input id="protocols" form="connection" autocomplete="off" autocapitalize="off"
          spellcheck="false" placeholder="none">
      </div>
      <form id="closing" aria-label="Close the connection">
        <div class="row">
          <div class="field code">
            <label for="code">Close code</label>
            <input id="code" inputmode="numeric" autocomplete="off" value="1000">
          </div>
          <div class="field">
            <label for="reason">Reason</label>
            <input id="reason" autocomplete="off" placeholder="none">
          </div>
          <button id="close" disabled>Close</button>
        </div>
      </form>
    </details>
    <noscript><p>The console needs JavaScript.</p></noscript>
  </div>
  <section class="messages" aria-label="Messages">
    <div class="bar">
      <p id="count">No messages yet</p>
      <button id="clear" type="button">Clear</button>
    </div>
    <div class="scroll">
      <ol id="log" role="log" aria-label="Messages and events" tabindex="0"></ol>
      <button id="latest" type="button" hidden>Latest</button>
    </div>
    <form id="composer" aria-label="Send a message">
      <label for="text" class="hidden">Message</label>
      <textarea id="text" rows="1" placeholder="Message" autocomplete="off"
        aria-describedby="hint" enterkeyhint="send"></textarea>
      <input id="files" type="file" multiple hidden aria-label="Files to send">
      <button id="attach" type="button" disabled>Files…</button>
      <button id="send" class="primary" disabled>Send</button>
      <p id="hint">Enter sends, Shift+Enter starts a line, ↑ recalls, files can be dropped
        anywhere.</p>
    </form>
  </section>
</main>
<script>${CONSOLE_SCRIPT}</script>
</body>
</html>
`;
}

/** The source expression that allows one inline script or style. */
async function hashSource(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `'sha256-${btoa(String.fromCharCode(...new Uint8Array(hash)))}'`;
}

/** The page's headers: nothing runs or loads but what is in it, and it talks to WebSockets only. */
async function pageHeaders(): Promise<Headers> {
  const policy = [
    "default-src 'none'",
    `script-src ${await hashSource(CONSOLE_SCRIPT)}`,
    `style-src ${await hashSource(CONSOLE_STYLE)}`,
    "img-src data:",
    "connect-src ws: wss:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return new Headers({
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": policy.join("; "),
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
  });
}

/**
 * Answers a plain HTTP request: the console page at `/`.
 *
 * @param request The request.
 * @param paths The WebSocket addresses of this server; plain HTTP gets 426 there, 404 elsewhere.
 */
export async function answerPage(request: Request, paths: readonly string[]): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (paths.includes(pathname)) {
    return answerText(426, "This address speaks WebSocket only", {
      Upgrade: "websocket",
      Connection: "Upgrade",
    });
  }
  if (pathname !== "/") return answerText(404, "There is no such page; the console is at /");
  if (request.method !== "GET" && request.method !== "HEAD") {
    return answerText(405, "The console is there to be read", { Allow: "GET, HEAD" });
  }
  return await consolePage(paths);
}

/**
 * Makes the console page.
 *
 * @param paths The WebSocket addresses of this server, for one click.
 */
export async function consolePage(paths: readonly string[]): Promise<Response> {
  const bytes = new TextEncoder().encode(document(paths));
  const headers = await pageHeaders();
  headers.set("Content-Length", String(bytes.length));
  return new Response(bytes, { headers });
}

function answerText(status: number, text: string, headers: HeadersInit = {}): Response {
  const all = new Headers(headers);
  all.set("Content-Type", "text/plain; charset=utf-8");
  all.set("X-Content-Type-Options", "nosniff");
  return new Response(`${text}\n`, { status, headers: all });
}
