/**
 * The pages under `/_samples/`.
 * @module
 */

import { benchmarkPage } from "../benchmark_page.ts";
import { consolePage } from "../console_page.ts";
import { BENCHMARK_BYTES } from "./benchmark_helper.ts";
import type { Entry } from "./handler_module.ts";
import { SAMPLES } from "./samples.ts";
import type { Target } from "./target.ts";

/**
 * Answers a GET or HEAD of a page.
 *
 * @param target The request's target.
 * @param handlers The paths of the handlers.
 * @param samples The sample handlers.
 * @returns The answer; `undefined` when there is no such page.
 */
export async function answerSamplePage(
  target: Target,
  handlers: readonly string[],
  samples: ReadonlyMap<string, Entry>,
): Promise<Response | undefined> {
  switch (target.path) {
    case "/":
    case SAMPLES:
    case SAMPLES.slice(0, -1):
      return new Response(null, {
        status: 302,
        headers: { "Location": `${SAMPLES}console`, "Cache-Control": "no-cache" },
      });
    case `${SAMPLES}console`:
      return await consolePage([
        ...handlers.map((path) => ({ path, about: "" })),
        ...Array.from(samples, ([path, { about }]) => ({ path, about })),
      ], [[`${SAMPLES}benchmark`, "Benchmark"]]);
    case `${SAMPLES}benchmark`:
      return await benchmarkPage(BENCHMARK_BYTES, `${SAMPLES}console`);
  }
}
