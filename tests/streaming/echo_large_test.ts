import { assert, assertEquals } from "@std/assert";
import { test } from "node:test";
import { echoLarge } from "./echo_large.ts";

/**
 * What a process may grow by: the runtimes collect garbage lazily, and take about 110 MiB at most
 * (Deno), however large the message is. One that gathered the message would take its size at least.
 */
const GROWTH_BYTES = 160 * 2 ** 20;

for (const [mib, compressed] of [[320, false], [192, true]] as const) {
  const how = compressed ? "compressed" : "plain";
  test(`a ${how} message of ${mib} MiB goes through an echo that never holds it`, async () => {
    const size = mib * 2 ** 20 + 12_345;
    const { bytes, same, extensions, closeCode, wasClean, server, client } = await echoLarge(
      size,
      compressed,
      100_000,
    );
    assertEquals({ bytes, same, closeCode, wasClean }, {
      bytes: size,
      same: true,
      closeCode: 1000,
      wasClean: true,
    });
    assertEquals(extensions.startsWith("permessage-deflate"), compressed);
    for (const [side, { before, peak }] of Object.entries({ server, client })) {
      const grownBy = peak - before;
      assert(grownBy < GROWTH_BYTES, `the ${side} grew by ${(grownBy / 2 ** 20).toFixed(1)} MiB`);
    }
  });
}
