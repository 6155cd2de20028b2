/**
 * What all answers have in common: fields against caches and sniffing, CORS, refusals.
 *
 * @see Fetch Standard, section 3.3 (CORS protocol)
 * @module
 */

/** Never kept by anybody on the way, never taken for something else. */
const FIELDS: readonly (readonly [string, string])[] = [
  ["cache-control", "no-store, no-cache, must-revalidate, private, no-transform, max-age=0"],
  ["pragma", "no-cache"],
  ["x-content-type-options", "nosniff"],
  ["x-accel-buffering", "no"], // nginx would gather lines otherwise
  ["referrer-policy", "no-referrer"],
  ["vary", "origin"],
];

/** The type of lines and of refusals. */
export const PLAIN = "text/plain; charset=utf-8";

/** Added to the answer to a request whose body was not read to its end. */
export const CLOSE: readonly (readonly [string, string])[] = [["connection", "close"]];

/** Makes an answer that says why there is no other. */
export function answer(
  status: number,
  why: string,
  headers: readonly (readonly [string, string])[] = [],
): Response {
  const response = new Response(`Cannot answer: ${why}\n`, {
    status,
    headers: [["content-type", PLAIN]],
  });
  for (const [name, value] of headers) response.headers.set(name, value);
  return withFields(response);
}

/** Adds the usual fields; a response of the application may not be changeable. */
export function withFields(response: Response): Response {
  const { status, statusText, body } = response;
  const headers = new Headers(response.headers);
  for (const [name, value] of FIELDS) {
    if (name === "vary") headers.append(name, value);
    else headers.set(name, value);
  }
  return new Response(body, { status, statusText, headers });
}

/** Lets a page of another origin read the answer: that one, by name. */
export function corsFields(origin: string | null, credentials: boolean): [string, string][] {
  if (origin === null) return [];
  const fields: [string, string][] = [["access-control-allow-origin", origin]];
  if (credentials) fields.push(["access-control-allow-credentials", "true"]);
  return fields;
}

/** Lets a page of an origin that was looked at make requests that are not simple. */
export function preflight(): Response {
  return withFields(
    new Response(null, {
      status: 204,
      headers: [
        ["access-control-allow-methods", "GET, POST"],
        ["access-control-allow-headers", "authorization, content-type, last-event-id"],
        ["access-control-max-age", "600"],
      ],
    }),
  );
}

/** 128 bits from the platform's CSPRNG. */
export function newId(): string {
  let id = "";
  for (const byte of crypto.getRandomValues(new Uint8Array(16))) {
    id += byte.toString(16).padStart(2, "0");
  }
  return id;
}
