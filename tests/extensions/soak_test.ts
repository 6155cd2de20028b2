import { memoryUsage } from "node:process";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { connect } from "../../src/adapters/client.ts";
import { serve } from "../../src/adapters/serve.ts";
import { Random } from "../support/random.ts";

/** What the garbage of a moment may take; a leak of a kilobyte a message would be more. */
const MAX_GROWTH_BYTES = 48 << 20;

const MESSAGES = 100_000;
const WARM_UP = 40_000;
const IN_FLIGHT = 64;

function measure(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return memoryUsage().rss;
}

for (const compression of [true, { contextTakeover: true }]) {
  const how = compression === true ? "without takeover" : "with takeover";
  test(`100,000 compressed messages leave memory as it was, ${how}`, async () => {
    const random = new Random(7);
    const texts = Array.from({ length: 100 }, (_, i) => {
      const words = Array.from({ length: 40 }, () => random.text(random.int(1, 8)));
      // One in a hundred is large enough to leave the loop.
      if (i === 0) return "0123456789 abcdef".repeat(4200);
      let text = "";
      while (text.length < 400) text += random.pick(words);
      return text;
    });
    let before = 0;
    await using server = await serve({ message: (socket, data) => void socket.send(data) }, {
      port: 0,
      compression,
    });
    let sent = 0;
    let received = 0;
    await new Promise<void>((resolve, reject) => {
      connect(server.url, {
        compression,
        handler: {
          open(socket) {
            while (sent < IN_FLIGHT) void socket.send(texts[sent++ % texts.length]);
          },
          message(socket, data) {
            if (data !== texts[received++ % texts.length]) reject(new Error(`echo ${received}`));
            if (received === WARM_UP) before = measure();
            if (sent < MESSAGES) void socket.send(texts[sent++ % texts.length]);
            if (received === MESSAGES) void socket.close();
          },
          close: () => resolve(),
        },
      }).catch(reject);
    });
    assertEquals(received, MESSAGES);
    const growth = measure() - before;
    assert(growth < MAX_GROWTH_BYTES, `${(growth / 2 ** 20).toFixed(1)} MiB more than before`);
  });
}
