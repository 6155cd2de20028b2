/**
 * What the engine does with its transport, seen from the transport.
 */
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { ChannelEvents } from "../../src/api/channel.ts";
import { EngineChannel } from "../../src/api/engine_channel.ts";
import { resolveOptions } from "../../src/api/options.ts";
import type { Transport } from "../../src/api/transport.ts";
import { WebSocketError } from "../../src/errors.ts";

/** A transport that takes nothing at once, and writes down what it is asked for. */
function slowTransport(log: string[]): Transport {
  return {
    bufferedBytes: 0,
    attach() {},
    write: (parts) => {
      log.push(`write ${parts.reduce((sum, part) => sum + part.length, 0)}`);
      return false;
    },
    pause() {},
    resume() {},
    end: () => void log.push("end"),
    destroy: () => void log.push("destroy"),
  };
}

test("terminate() cuts when its last word has left, not before", () => {
  const log: string[] = [];
  const options = resolveOptions({ pingIntervalMs: 0 });
  const channel = new EngineChannel(slowTransport(log), "server", options);
  channel.bind({} as ChannelEvents);
  const error = new WebSocketError("cut", { code: "WS_TERMINATED", closeCode: 1006 });
  channel.terminate(error, { closeCode: 1002 });
  assertEquals(log, ["write 4"]);
  channel.onDrain();
  assertEquals(log, ["write 4", "destroy"]);
});
