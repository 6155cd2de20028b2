/**
 * Parts of the client that are loaded when a connection first needs them.
 *
 * They are imported by `import()`, so that a program that does not need one does not load it, and a
 * bundler that splits keeps it out of what is loaded first. Nothing is loaded for a message, or once
 * a connection is open.
 *
 * @module
 */

import { HandshakeError } from "../../errors.ts";
import type { Deadline } from "./deadline.ts";

/**
 * Waits for a part, as long as a handshake may take.
 *
 * @param part The promise of an `import()`.
 * @param deadline The time there is.
 * @throws {HandshakeError} If the part cannot be loaded, or not in time.
 */
export async function loadPart<Part>(part: Promise<Part>, deadline: Deadline): Promise<Part> {
  const named = part.catch((cause) => {
    throw new HandshakeError("Cannot connect: a part of this library could not be loaded", {
      code: "WS_CONNECT_FAILED",
      cause,
    });
  });
  return await deadline.race(named, "the server, loading a part of this library");
}
