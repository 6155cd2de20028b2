/**
 * Handlers at work: what runs them, and what becomes of what they return.
 * @module
 */

import { writeClosePayload } from "../connection/mod.ts";
import type { ConnectionCapabilities } from "./channel.ts";
import type { ConnectionCore } from "./connection_core.ts";
import type { CloseAnswer, Handler } from "./handler_check.ts";
import { checkOptionNames, describe } from "./options.ts";

export {
  checkHandler,
  checkOnError,
  type CloseAnswer,
  type Handler,
  type HandlerCallbacks,
} from "./handler_check.ts";
export { logError } from "./log_error.ts";

/**
 * Runs a handler and starts the connection.
 *
 * @param core The connection, not started yet.
 * @param handler A handler that was checked.
 * @param onError Takes what the handler throws.
 */
export function runHandler(
  core: ConnectionCore,
  handler: Handler,
  onError: (error: unknown) => void,
): void {
  core.onError = onError;
  if (typeof handler !== "function") {
    core.useCallbacks(handler, onError);
    core.start();
    return;
  }
  try {
    // Before the flow starts, so that the handler decides how the first message is delivered.
    Promise.resolve(handler(core.socket)).then(
      () => core.close(1000, ""),
      (error) => core.handlerFailed(error),
    );
  } catch (error) {
    core.handlerFailed(error);
  }
  core.start();
}

/**
 * Checks what `closing` returned.
 *
 * @param answer What it returned.
 * @param capabilities Of the connection.
 * @returns The payload of the answer; `undefined` to return what the peer sent.
 * @throws {TypeError} If it is no {@linkcode CloseAnswer}.
 * @throws {RangeError} If the code must not be sent, or the reason is too long.
 * @throws {DOMException} `NotSupportedError`, where `capabilities.closeAnswers` is `false`.
 */
export function closeAnswer(
  answer: unknown,
  capabilities: ConnectionCapabilities,
): Uint8Array | undefined {
  if (answer === undefined) return undefined;
  if (answer instanceof Promise) {
    answer.catch(() => {}); // the handler failed already, by not answering at once
    throw new TypeError("Cannot answer close: closing() must answer at once, got a promise");
  }
  if (typeof answer !== "object" || answer === null) {
    throw new TypeError(
      `Cannot answer close: expected { closeCode, reason } or nothing, got ${describe(answer)}`,
    );
  }
  checkOptionNames(answer, ["closeCode", "reason"]);
  const { closeCode, reason } = answer as CloseAnswer;
  const payload = writeClosePayload(closeCode, reason);
  if (capabilities.closeAnswers) return payload;
  throw new DOMException(
    `Cannot answer close: ${capabilities.engine} has answered already`,
    "NotSupportedError",
  );
}
