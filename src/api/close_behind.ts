/**
 * Closing behind what is still being sent.
 * @module
 */

import { WebSocketError } from "../errors.ts";
import type { Channel } from "./channel.ts";
import { PatientTimer } from "./patient_timer.ts";
import type { Sender } from "./sender.ts";

/**
 * Waits until the sends in line are done; cuts the connection if that takes too long.
 *
 * @param sender Whose line it is; nothing more gets in it.
 * @param channel What is cut.
 * @param timeoutMs How long it may take, in milliseconds.
 */
export async function whenSettled(
  sender: Sender,
  channel: Channel,
  timeoutMs: number,
): Promise<void> {
  const deadline = new PatientTimer(timeoutMs, () => {
    const message = `Cannot go on: what was sent did not leave within ${timeoutMs} ms`;
    channel.terminate(new WebSocketError(message, { code: "WS_CLOSE_TIMEOUT" }));
  });
  await sender.settled();
  deadline.stop();
}
