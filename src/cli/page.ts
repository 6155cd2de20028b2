/**
 * The frame of the pages: one HTML document that needs nothing else, and a policy that holds it to
 * that.
 *
 * @module
 */

/** Two arrows, drawn here because the page loads nothing. */
const ICON = "data:image/svg+xml," + encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4"` +
    ` fill="#0b57d0"/><path d="M3 6h8L8.5 3.5M13 10H5l2.5 2.5" fill="none" stroke="#fff"` +
    ` stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"/></svg>`,
);

/** What a page is made of. */
export interface PageParts {
  /** What the browser's tab shows. */
  readonly title: string;
  /** The style sheet. */
  readonly style: string;
  /** What is in the body, before the scripts. */
  readonly body: string;
  /** The scripts in their order; one with a name is an element with that id. */
  readonly scripts: readonly { readonly id?: string; readonly text: string }[];
  /** Whether the scripts start workers of their own text. Default: `false`. */
  readonly workers?: boolean;
}

/**
 * Makes a page.
 *
 * @param parts What it is made of.
 */
export async function makePage(parts: PageParts): Promise<Response> {
  const scripts = parts.scripts.map(({ id, text }) =>
    `<script${id === undefined ? "" : ` id="${id}"`}>${text}</script>`
  );
  const bytes = new TextEncoder().encode(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${parts.title}</title>
<link rel="icon" href="${ICON}">
<style>${parts.style}</style>
</head>
<body>
${parts.body}
${scripts.join("\n")}
</body>
</html>
`);
  // Nothing runs or loads but what is in the page, and it talks to WebSockets only.
  const hashes = await Promise.all(parts.scripts.map(({ text }) => hashSource(text)));
  const policy = [
    "default-src 'none'",
    `script-src ${hashes.join(" ")}`,
    `style-src ${await hashSource(parts.style)}`,
    "img-src data:",
    "connect-src ws: wss:",
    ...(parts.workers ? ["worker-src blob:"] : []),
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return new Response(bytes, {
    headers: {
      "Content-Type": "text/html; charset=utf-8",
      "Content-Length": String(bytes.length),
      "Content-Security-Policy": policy.join("; "),
      "Cache-Control": "no-cache",
      "Cross-Origin-Opener-Policy": "same-origin",
      "Referrer-Policy": "no-referrer",
      "X-Content-Type-Options": "nosniff",
    },
  });
}

/** Makes text safe between tags and in attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** The source expression that allows one inline script or style. */
async function hashSource(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `'sha256-${btoa(String.fromCharCode(...new Uint8Array(hash)))}'`;
}
