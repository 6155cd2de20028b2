import { memoryUsage } from "node:process";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { connect } from "../../src/adapters/client.ts";
import { serve } from "../../src/adapters/serve.ts";
import { Random } from "../support/random.ts";

/**
 * By how much the least of the last samples may be above the most of the first ones: a leak
 * of a kilobyte a message would be more.
 */
const MAX_GROWTH_BYTES = 24 << 20;

const WARM_UP = 60_000;
const MESSAGES = WARM_UP + 100_000;
const IN_FLIGHT = 64;

/** Memory after the warm-up, and at the end of a run. */
class Samples {
  readonly #first: number[] = [];
  readonly #last: number[] = [];

  take(message: number, bytes: number): void {
    if (message > WARM_UP && message <= WARM_UP + 20_000) this.#first.push(bytes);
    if (message > MESSAGES - 20_000) this.#last.push(bytes);
  }

  get growth(): number {
    return Math.min(...this.#last) - Math.max(...this.#first);
  }
}

for (const compression of [true, { contextTakeover: true }]) {
  const how = compression === true ? "without takeover" : "with takeover";
  test(`100,000 compressed messages leave memory as it was, ${how}`, async () => {
    const random = new Random(7);
    const texts = Array.from({ length: 100 }, () => {
      const words = Array.from({ length: 40 }, () => random.text(random.int(1, 8)));
      let text = "";
      while (text.length < 400) text += random.pick(words);
      return text;
    });
    // Few are large enough to leave the loop: V8 takes its time to collect their buffers.
    const large = "0123456789 abcdef".repeat(4200);
    const text = (i: number) => i % 5000 === 0 ? large : texts[i % texts.length];
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
            while (sent < IN_FLIGHT) void socket.send(text(sent++));
          },
          message(socket, data) {
            if (data !== text(received++)) reject(new Error(`echo ${received}`));
            if (received % 2000 === 0) {
              const { rss, heapUsed } = memoryUsage();
              resident.take(received, rss);
              heap.take(received, heapUsed);
            }
            if (sent < MESSAGES) void socket.send(text(sent++));
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
