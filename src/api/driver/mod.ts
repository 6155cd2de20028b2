/**
 * The protocol without input, output and clock: an object that is fed bytes and hands out bytes, for
 * transports of your own, for tests, and for tools that look at each frame.
 *
 * There are no deadlines and no heartbeat here, for there is no clock: those are yours, and so is
 * what to do when a peer is slow. Everything is told from within the call that causes it, but for
 * what has to be computed asynchronously: the answer to a key where no synchronous SHA-1 is at hand,
 * functions of yours that return promises, and a codec that takes its time.
 *
 * @example
 * ```ts
 * import { clientDriver, serverDriver } from "@fullduplex/ws/driver";
 *
 * const server = serverDriver({
 *   write: (bytes) => client.feed(bytes),
 *   message: (data) => server.text(`echo: ${data}`),
 * });
 * const client = clientDriver("ws://example.com/chat", {
 *   write: (bytes) => server.feed(bytes),
 *   open: () => client.text("hello"),
 *   message(data) {
 *     console.log(data); // "echo: hello"
 *     client.close(1000, "done");
 *   },
 * });
 * server.start();
 * client.start();
 * ```
 *
 * @module
 */

import type { Role } from "../../connection/mod.ts";
import { setupClient } from "../client_setup.ts";
import { resolveOptions } from "../options.ts";
import { setupServer } from "../server_opening.ts";
import { DriverCore, type DriverEvents } from "./driver.ts";
import { ClientOpener, PlainOpener, ServerOpener } from "./openers.ts";
import {
  checkDriverOptions,
  type ClientDriverOptions,
  type PlainDriverOptions,
  type ServerDriverOptions,
} from "./options.ts";
import { WebSocketDriver } from "./web_socket_driver.ts";

export { isUpgradeRequest } from "../../handshake/mod.ts";
export type { Role } from "../../connection/mod.ts";
export type { DriverEvents, DriverState } from "./driver.ts";
export { type RawFrame, sendRawFrame } from "./raw_frame.ts";
export type { ClientDriverOptions, PlainDriverOptions, ServerDriverOptions, WebSocketDriver };
export type { DriverSide } from "./web_socket_driver.ts";

/**
 * Makes the driver of a server's connection. A request that is refused is answered with the HTTP
 * response that says why.
 *
 * @param events Who is told.
 * @param options The request where something else has read it; policies and limits.
 * @returns The driver, to be started.
 * @throws {TypeError} If an option does not exist or has the wrong type.
 * @throws {RangeError} If a number is out of range.
 * @see RFC 6455, section 4.2
 */
export function serverDriver(
  events: DriverEvents = {},
  options: ServerDriverOptions = {},
): WebSocketDriver {
  checkDriverOptions("server", options);
  checkFrames(events, options);
  const { request, secure = false, ...rest } = options;
  const setup = setupServer(rest);
  const opener = new ServerOpener(setup, request, secure);
  return new WebSocketDriver(new DriverCore("server", events, setup.options, opener), opener);
}

/**
 * Makes the driver of a client's connection.
 *
 * @param url The URL to ask for.
 * @param events Who is told.
 * @param options Subprotocols, header fields and limits.
 * @returns The driver, to be started.
 * @throws {TypeError} If the URL or an option is wrong.
 * @throws {RangeError} If a number is out of range.
 * @see RFC 6455, section 4.1
 */
export function clientDriver(
  url: string | URL,
  events: DriverEvents = {},
  options: ClientDriverOptions = {},
): WebSocketDriver {
  checkDriverOptions("client", options);
  checkFrames(events, options);
  const setup = setupClient(url, options);
  const opener = new ClientOpener(setup);
  return new WebSocketDriver(new DriverCore("client", events, setup.options, opener), opener);
}

/**
 * Makes a driver that is open when it is started: for byte streams on which the opening handshake
 * has happened elsewhere, or that need none.
 *
 * @param role Which end this is: a client masks.
 * @param events Who is told.
 * @param options Limits.
 * @returns The driver, to be started.
 * @throws {TypeError} If an option does not exist or has the wrong type.
 * @throws {RangeError} If a number is out of range.
 */
export function plainDriver(
  role: Role,
  events: DriverEvents = {},
  options: PlainDriverOptions = {},
): WebSocketDriver {
  if (role !== "server" && role !== "client") {
    throw new TypeError('Cannot make driver: the role must be "server" or "client"');
  }
  checkDriverOptions("plain", options);
  const resolved = resolveOptions(options);
  return new WebSocketDriver(new DriverCore(role, events, resolved, new PlainOpener()), {});
}

function checkFrames({ frame }: DriverEvents, { compression }: { compression?: unknown }): void {
  if (frame === undefined || compression === undefined || compression === false) return;
  throw new TypeError(
    'Cannot use "frame" with "compression": what a compressed frame carries is lost',
  );
}
