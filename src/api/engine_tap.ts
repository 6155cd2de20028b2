/**
 * The reporting end of a connection on this library's own engine, which shows its frames, too.
 * @module
 */

import { ObservedFrames } from "../connection/observed_frames.ts";
import { ConnectionTap } from "./connection_tap.ts";
import type { Observers } from "./observers.ts";

/** A {@linkcode ConnectionTap} that an engine shows its frames. */
export class EngineTap extends ConnectionTap {
  /** What the engine is given. */
  readonly frames: ObservedFrames = new ObservedFrames(this);
}

/** Makes the reporting end of a client's connection, where somebody observes. */
export function tapClient(
  observers: Observers | undefined,
  url: string,
): EngineTap | undefined {
  if (observers === undefined) return undefined;
  const tap = new EngineTap(observers, "client");
  tap.connection.url = url;
  return tap;
}
