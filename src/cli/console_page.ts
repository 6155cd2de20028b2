/**
 * The console page, and the plain HTTP answers around it.
 * @module
 */

import { CONSOLE_LOG_SCRIPT } from "./console_log_script.ts";
import { CONSOLE_SCRIPT } from "./console_script.ts";
import { CONSOLE_STYLE } from "./console_style.ts";
import { escapeHtml, makePage } from "./page.ts";

/** An address of this server. */
export interface PageRoute {
  readonly path: string;
  /** What it does; `""` when nobody says. */
  readonly about: string;
}

/** More addresses than this are a list, and fewer a row of buttons. */
const MAX_BUTTONS = 4;

function routeButtons(routes: readonly PageRoute[]): string {
  const buttons = routes.map(({ path }) => {
    const text = escapeHtml(path);
    return `<button type="button" class="route" data-path="${text}" aria-pressed="false">${text}` +
      "</button>";
  });
  return `<div class="row">
        <div class="routes" role="group" aria-label="Connect to an address of this server">
          ${buttons.join("\n          ")}
        </div>
        <button id="connect" class="primary">Connect</button>
      </div>`;
}

function routeList(routes: readonly PageRoute[]): string {
  const options = routes.map(({ path, about }) =>
    `<option value="${escapeHtml(path)}" data-about="${escapeHtml(about)}">${
      escapeHtml(path)
    }</option>`
  );
  return `<div class="row">
        <div class="field">
          <label for="route">An address of this server</label>
          <select id="route" aria-describedby="about">
            ${options.join("\n            ")}
            <option value="" hidden>another address</option>
          </select>
        </div>
        <button id="connect" class="primary">Connect</button>
      </div>
      <p id="about" class="about"></p>`;
}

function body(routes: readonly PageRoute[], header: string): string {
  const few = routes.length <= MAX_BUTTONS;
  return `<header>
  <h1>fullduplex <span>console</span></h1>${header}
  <p id="state" role="status" data-state="closed">Not connected</p>
</header>
<main>
  <div class="side">
    <form id="connection" aria-label="Connection">
      ${few ? "" : routeList(routes)}
      <div class="field">
        <label for="url">Address</label>
        <input id="url" inputmode="url" autocomplete="off" autocapitalize="off" spellcheck="false"
          required>
      </div>
      ${few ? routeButtons(routes) : ""}
    </form>
    <details id="more">
      <summary>Subprotocols, binary type, close code</summary>
      <div class="row">
        <div class="field">
          <label for="protocols">Subprotocols to offer</label>
          <input id="protocols" form="connection" autocomplete="off" autocapitalize="off"
            spellcheck="false" placeholder="none">
        </div>
        <div class="field type">
          <label for="type">Binary type</label>
          <select id="type"><option>arraybuffer</option><option>blob</option></select>
        </div>
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
      <input id="filter" type="search" placeholder="Filter" aria-label="Show entries with this text"
        autocomplete="off" autocapitalize="off" spellcheck="false">
      <button id="hex" type="button" aria-pressed="false" title="Show messages byte by byte">Hex</button>
      <button id="save" type="button" title="Download what is shown as text">Save</button>
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
      <div class="row tools">
        <label for="kind" class="hidden">Send the message as</label>
        <select id="kind">
          <option value="text">as text</option>
          <option value="hex">as hex bytes</option>
        </select>
        <button id="attach" type="button" disabled>Files…</button>
        <p id="hint">Enter sends, Shift+Enter starts a line, ↑ recalls; files can be dropped
          anywhere.</p>
        <button id="send" class="primary" disabled>Send</button>
      </div>
    </form>
  </section>
</main>`;
}

/**
 * Makes the console page.
 *
 * @param routes The WebSocket addresses of this server.
 * @param links Other pages: their addresses and names. Default: none.
 */
export function consolePage(
  routes: readonly PageRoute[],
  links: readonly (readonly [href: string, name: string])[] = [],
): Promise<Response> {
  const anchors = links.map(([href, name]) => `<a href="${escapeHtml(href)}">${name}</a>`);
  const header = links.length === 0 ? "" : `
  <nav aria-label="Pages">${anchors.join(" ")}</nav>`;
  return makePage({
    title: "fullduplex console",
    style: CONSOLE_STYLE,
    body: body(routes, header),
    scripts: [{ text: `"use strict";\n${CONSOLE_LOG_SCRIPT}${CONSOLE_SCRIPT}` }],
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
  return await consolePage(paths.map((path) => ({ path, about: "" })));
}

function answerText(status: number, text: string, headers: HeadersInit = {}): Response {
  const all = new Headers(headers);
  all.set("Content-Type", "text/plain; charset=utf-8");
  all.set("X-Content-Type-Options", "nosniff");
  return new Response(`${text}\n`, { status, headers: all });
}
