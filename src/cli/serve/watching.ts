/**
 * What else `serve` can switch on: log channels, metrics and old versions, loaded only then.
 * @module
 */

import type { ConnectionObserver } from "../../api/observer.ts";
import type { ServerOptions } from "../../api/server_opening.ts";
import type { LogChannel } from "../../server/log_record.ts";
import { UsageError } from "../arguments.ts";
import { oneLine } from "../text.ts";
import type { Settings } from "./settings.ts";

/** What was switched on. */
export interface Extras {
  /** Options of every connection. */
  readonly options: Pick<ServerOptions, "observer" | "legacy">;
  /** Answers a request for the metrics. */
  readonly metrics: ((request: Request) => Response) | undefined;
}

/**
 * Loads what the settings ask for.
 *
 * @param settings The settings.
 * @param write Takes lines of the log.
 * @throws {UsageError} If a channel does not exist.
 * @throws {Error} If the versions before RFC 6455 cannot be loaded.
 */
export async function loadExtras(
  settings: Settings,
  write: (line: string) => void,
): Promise<Extras> {
  const observer: ConnectionObserver[] = [];
  const channels = settings.log.channels;
  if (channels !== undefined) {
    const [{ createLog }, { formatText }] = await Promise.all([
      import("../../server/log.ts"),
      import("../../server/log_record.ts"),
    ]);
    try {
      const names = channels.split(",").map((name) => name.trim()) as LogChannel[];
      observer.push(createLog({
        channels: channels === "all" ? "all" : names,
        sink: (record) => write(`${formatText(record)}\n`),
      }));
    } catch (error) {
      throw new UsageError(`--log-channels: ${oneLine((error as Error).message)}`);
    }
  }
  let metrics: Extras["metrics"];
  if (settings.metrics !== undefined) {
    const { createMetrics } = await import("../../server/metrics.ts");
    const counted = createMetrics();
    observer.push(counted);
    metrics = counted.fetch;
  }
  return {
    options: {
      ...(observer.length > 0 ? { observer } : {}),
      ...(settings.legacy ? { legacy: await loadLegacy() } : {}),
    },
    metrics,
  };
}

async function loadLegacy(): Promise<NonNullable<ServerOptions["legacy"]>> {
  try {
    const { legacy } = await import("../../legacy/mod.ts");
    return legacy();
  } catch (cause) {
    throw new Error("Cannot use --legacy: it needs the package @noble/hashes", { cause });
  }
}
