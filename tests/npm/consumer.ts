// A stranger's TypeScript: compiled with "tsc --strict" against the installed package, without any
// ambient types but the DOM's (scripts/test_package.ts). No node: imports here: see consumer_node.ts.
import { WebSocketError, type WebSocketErrorCode } from "fullduplex";

const code: WebSocketErrorCode = "WS_RSV1_UNEXPECTED";
const error = new WebSocketError("Cannot decode frame: RSV1 is set", { code, closeCode: 1002 });
export const closeCode: number = error.closeCode;

// @ts-expect-error: the codes are a closed list
new WebSocketError("", { code: "WS_NO_SUCH_CODE" });
