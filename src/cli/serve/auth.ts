/**
 * HTTP basic authentication.
 * @see RFC 7617
 * @module
 */

import { createHash, timingSafeEqual } from "node:crypto";

/** Users and their passwords, kept as hashes. */
export class BasicAuth {
  readonly #credentials: readonly Uint8Array[];

  /**
   * @param credentials Each a `user:password`.
   * @throws {Error} If one has no colon, or there is none.
   */
  constructor(credentials: readonly string[]) {
    for (const credential of credentials) {
      if (credential.indexOf(":") < 1) throw new Error("it must be USER:PASSWORD");
    }
    if (credentials.length === 0) throw new Error("there is no USER:PASSWORD");
    this.#credentials = credentials.map(hash);
  }

  /**
   * Checks an `Authorization` field; how long that takes tells nothing of the passwords.
   *
   * @param field The field; `null` when there is none.
   */
  allows(field: string | null): boolean {
    const match = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(field ?? "");
    if (match === null) return false;
    let given: Uint8Array;
    try {
      const text = atob(match[1]);
      given = hash(Uint8Array.from(text, (character) => character.charCodeAt(0)));
    } catch {
      return false;
    }
    let allowed = false;
    for (const credential of this.#credentials) {
      allowed = timingSafeEqual(given, credential) || allowed;
    }
    return allowed;
  }

  /** The answer that asks for a user and a password. */
  challenge(): Response {
    return new Response("Who are you?\n", {
      status: 401,
      headers: {
        "WWW-Authenticate": 'Basic realm="fullduplex", charset="UTF-8"',
        "Content-Type": "text/plain; charset=utf-8",
        "Cache-Control": "no-store",
      },
    });
  }
}

/** The user that an `Authorization` field of basic authentication names. */
export function readUser(field: string): string {
  const [, encoded = ""] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(field) ?? [];
  const bytes = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
  return new TextDecoder().decode(bytes).split(":")[0];
}

/** Reads a file of credentials: one a line; empty lines and `#` comments are passed over. */
export function readCredentials(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.startsWith("#"));
}

function hash(text: string | Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(text).digest());
}
