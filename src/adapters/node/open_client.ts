/**
 * The way from checked options to a connection. What opens connections, and the engine that they run
 * on, is loaded with the first one.
 * @module
 */

import type { ConnectionCore } from "../../api/connection_core.ts";
import type { WebSocketConnection } from "../../api/connection.ts";
import type * as ClientConnection from "./client_connection.ts";
import type { ConnectSetup } from "./connect_options.ts";
import { Deadline } from "./deadline.ts";
import { loadPart } from "./load_part.ts";

/** Kept, because even an `import()` of what is there already takes a few turns of the loop. */
let loaded: typeof ClientConnection | undefined;

async function load(setup: ConnectSetup, deadline: Deadline): Promise<typeof ClientConnection> {
  const part = import("./client_connection.ts").then((all) => loaded = all);
  try {
    return await loadPart(part, deadline);
  } catch (error) {
    // It was late or given up; those who observe hear of it when they can.
    part.then(({ tellRefused }) => tellRefused(setup, error, deadline)).catch(() => {});
    throw error;
  }
}

/**
 * Opens a connection and leaves it to the caller to start it, after saying where its messages go.
 *
 * @param setup Checked options; `handler` and `onError` are left alone.
 * @returns The connection, not started yet.
 * @throws {HandshakeError} If there is no connection, or the handshake fails.
 */
export async function dialAndOpen(setup: ConnectSetup): Promise<ConnectionCore> {
  const deadline = new Deadline(setup.options.handshakeTimeoutMs, setup.options.signal);
  return await (loaded ?? await load(setup, deadline)).openConnection(setup, deadline);
}

/** Opens a connection and sets it going: with the handler, or for whoever awaits it. */
export async function dialAndStart(setup: ConnectSetup): Promise<WebSocketConnection> {
  const core = await dialAndOpen(setup);
  return loaded!.startClient(core, setup);
}
