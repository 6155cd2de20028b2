import { test } from "node:test";
import { constants, inflateRawSync } from "node:zlib";
import { assert, assertEquals } from "@std/assert";
import { serve } from "../../src/adapters/serve.ts";
import { clientClose, clientText, head, RawPeer, requestLines } from "./support/raw.ts";

/** At most 64 KiB each as UTF-8, and more than that by three bytes a unit. */
const TEXTS: Record<string, string> = {
  "40,000 letters": "abcdefghij".repeat(4000),
  "64 KiB of letters": "abcdefgh".repeat(8192),
  "32,768 letters of two bytes": "äöüé".repeat(8192),
  "16,384 characters of four bytes": "🦕🐰".repeat(8192),
};

for (const way of ["send", "trySend"] as const) {
  for (const [what, text] of Object.entries(TEXTS)) {
    test(`${way}() of ${what} is compressed before a close frame of the same chunk is read`, async () => {
      await using server = await serve({ message: (socket) => void socket[way](text) }, {
        port: 0,
        compression: true,
      });
      const peer = await RawPeer.connect(server.port);
      const offer = "Sec-WebSocket-Extensions: permessage-deflate";
      peer.write(head([...requestLines(), offer]));
      assert((await peer.readHead()).includes("permessage-deflate"));
      peer.write(clientText("text, please"), clientClose(1000));
      await peer.readToEnd();
      const [answer, close, ...more] = peer.frames();
      assertEquals([answer.opcode, answer.rsv, close?.opcode, more.length], [1, 4, 8, 0]);
      const inflated = inflateRawSync(answer.payload, { finishFlush: constants.Z_SYNC_FLUSH });
      assert(new TextDecoder().decode(inflated) === text);
      peer.destroy();
    });
  }
}
