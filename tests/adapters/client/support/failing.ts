/**
 * Connections that must not come about.
 * @module
 */

import { assertMatch, assertRejects } from "@std/assert";
import { connect, type ConnectOptions, HandshakeError } from "../../../../src/adapters/client.ts";
import { within } from "../../support/waiting.ts";

/** Connects, which must fail with the one kind of error, in one line. */
export async function failing(
  url: string,
  options: ConnectOptions = {},
): Promise<HandshakeError> {
  const error = await assertRejects(
    () => within(connect(url, options), "failure", 15_000),
    HandshakeError,
  );
  assertMatch(error.message, /^Cannot connect[^\n]*$/);
  return error;
}
