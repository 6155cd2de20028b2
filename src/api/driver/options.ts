/**
 * The options of drivers: those of servers and clients that need no clock and hold no bytes back.
 * @module
 */

import type { UpgradeRequest } from "../../handshake/mod.ts";
import type { ClientOptions } from "../client_options.ts";
import { checkOptionNames, type ConnectionOptions } from "../options.ts";
import type { ServerOptions } from "../server_opening.ts";

/** Options of a driver that is open from the start. */
export type PlainDriverOptions = Pick<
  ConnectionOptions,
  "maxMessageBytes" | "maxFragments" | "maxFrameBytes" | "fragmentBytes" | "silentClose"
>;

/** Options of a client's driver. */
export type ClientDriverOptions =
  & PlainDriverOptions
  & Pick<ClientOptions, "maxHeaderBytes" | "protocols" | "headers" | "compression">;

/** Options of a server's driver. */
export interface ServerDriverOptions extends
  PlainDriverOptions,
  Pick<
    ServerOptions,
    | ("maxHeaderBytes" | "protocols" | "origins" | "verify" | "headers" | "compression")
    | "onError"
  > {
  /** The request, where something else has read it. Default: it is read from what is fed. */
  request?: UpgradeRequest;
  /** Whether the bytes come over TLS: decides on the request's URL. Default: `false`. */
  secure?: boolean;
}

const PLAIN = [
  ...["maxMessageBytes", "maxFragments", "maxFrameBytes", "fragmentBytes", "silentClose"],
];
const CLIENT = [...PLAIN, "maxHeaderBytes", "protocols", "headers", "compression"];
const NAMES = {
  plain: PLAIN,
  client: CLIENT,
  server: [...CLIENT, "origins", "verify", "onError", "request", "secure"],
};

/**
 * Checks the names of a driver's options.
 *
 * @throws {TypeError} If one does not exist: deadlines and buffers are the caller's.
 */
export function checkDriverOptions(kind: keyof typeof NAMES, options: object): void {
  checkOptionNames(options, NAMES[kind]);
}
