/**
 * Answers of the server's own.
 * @module
 */

/**
 * Makes a plain answer.
 *
 * @param status The status.
 * @param text One line, without its line break.
 * @param headers More fields. Default: none.
 */
export function answerText(status: number, text: string, headers: HeadersInit = {}): Response {
  const all = new Headers(headers);
  all.set("Content-Type", "text/plain; charset=utf-8");
  all.set("Content-Length", String(new TextEncoder().encode(text).length + 1));
  all.set("X-Content-Type-Options", "nosniff");
  return new Response(`${text}\n`, { status, headers: all });
}
