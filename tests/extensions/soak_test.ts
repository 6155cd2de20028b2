import { memoryUsage } from "node:process";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { connect } from "../../src/adapters/client.ts";
import { serve } from "../../src/adapters/serve.ts";
import { Random } from "../support/random.ts";

/**
 * By how much the least of the last samples may be above the most of those in the middle: a leak
 * of a kilobyte a message would be more.
 */
const MAX_GROWTH_BYTES = 24 << 20;

const MESSAGES = 100_000;
const IN_FLIGHT = 64;

/** Memory in the middle and at the end of a run. */
class Samples {
  readonly #middle: number[] = [];
  readonly #last: number[] = [];

  take(message: number, bytes: number): void {
    if (message > MESSAGES * 0.4 && message <= MESSAGES * 0.6) this.#middle.push(bytes);
    if (message > MESSAGES * 0.8) this.#last.push(bytes);
  }

  get growth(): number {
    return Math.min(...this.#last) - Math.max(...this.#middle);
  }
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
    const resident = new Samples();
    const heap = new Samples();
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
            if (received % 2000 === 0) {
              const { rss, heapUsed } = memoryUsage();
              resident.take(received, rss);
              heap.take(received, heapUsed);
            }
            if (sent < MESSAGES) void socket.send(texts[sent++ % texts.length]);
            if (received === MESSAGES) void socket.close();
          },
          close: () => resolve(),
        },
      }).catch(reject);
    });
    assertEquals(received, MESSAGES);
    for (const { growth } of [resident, heap]) {
      assert(growth < MAX_GROWTH_BYTES, `${(growth / 2 ** 20).toFixed(1)} MiB more than before`);
    }
  });
}
