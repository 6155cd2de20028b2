// A stranger's program: run on every supported Node.js, on Bun and on Deno, with the packed package
// installed from its tarball into an empty folder (scripts/test_package.ts).
import assert from "node:assert/strict";
import { HandshakeError, WebSocketError } from "fullduplex";

const error = new WebSocketError("Cannot decode frame: RSV1 is set", {
  code: "WS_RSV1_UNEXPECTED",
  closeCode: 1002,
});
assert.equal(error.closeCode, 1002);
assert.ok(new HandshakeError("refused", { code: "WS_HANDSHAKE_REFUSED" }) instanceof Error);
