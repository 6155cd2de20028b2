/**
 * What can be wrong with a whole message, compressed or not.
 * @module
 */

import { CloseCode, type FrameFault } from "../frames/mod.ts";

/** Makes the fault of text that is none. */
export function invalidText(): FrameFault {
  return {
    code: "WS_UTF8_INVALID",
    closeCode: CloseCode.INVALID_PAYLOAD,
    message: "Cannot decode message: its text is not valid UTF-8",
  };
}

/** Makes the fault of a message within `maxMessageBytes` that the runtime cannot hold all the same. */
export function tooLargeHere(): FrameFault {
  return {
    code: "WS_MESSAGE_TOO_LARGE",
    closeCode: CloseCode.MESSAGE_TOO_BIG,
    message: "Cannot receive message: it is larger than this runtime can hold",
  };
}
