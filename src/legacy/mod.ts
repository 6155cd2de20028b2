/**
 * The handshakes of history: the WebSocket protocols that browsers spoke before RFC 6455, for
 * servers that old devices still call and for clients of old servers.
 *
 * Nothing of this is on unless it is injected, for it is weaker than RFC 6455: the frames of
 * hixie-75 and hixie-76 are not masked, so a hostile page can make them look like HTTP to a proxy
 * that stands between, and poison its cache; and hixie-75 does not prove that it was a WebSocket
 * server that answered.
 *
 * @see draft-hixie-thewebsocketprotocol-75 and -76, draft-ietf-hybi-thewebsocketprotocol-07 to -12
 * @module
 */

import {
  type LegacyClient,
  type LegacyServer,
  readOpening,
  type ServerDialect,
} from "../api/dialect.ts";
import { checkOptionNames, describe } from "../api/options.ts";
import { beginHixie } from "./hixie_client.ts";
import { HIXIE_75, HIXIE_76 } from "./hixie_server.ts";
import { beginHybi } from "./hybi_client.ts";
import {
  checkVersion,
  LEGACY_VERSIONS,
  type LegacyVersion,
  protocolVersion,
  WIRE_VERSIONS,
} from "./versions.ts";

export { LEGACY_VERSIONS, type LegacyClient, type LegacyServer, type LegacyVersion };
export { protocolVersion };

/** Options of {@linkcode legacy}. */
export interface LegacyOptions {
  /** The versions to accept beside RFC 6455. Default: all of {@linkcode LEGACY_VERSIONS}. */
  versions?: readonly LegacyVersion[];
}

/**
 * Makes the `legacy` option of a server: `serve()`, `onUpgrade()`, `upgradeWebSocket()` of `./node`
 * and `acceptWebSocket()` take it.
 *
 * The handler gets the same connections as ever; `capabilities` tells what a draft does not have.
 *
 * @param options The versions to accept.
 * @returns What the `legacy` option takes; it serves any number of servers.
 * @throws {TypeError} If an option or a version does not exist.
 *
 * @example
 * ```ts
 * import { connect } from "@fullduplex/ws/client";
 * import { legacy, legacyClient } from "@fullduplex/ws/legacy";
 * import { serve } from "@fullduplex/ws/serve";
 *
 * await using server = await serve({ message: (socket, data) => socket.send(data) }, {
 *   port: 0,
 *   origins: ["http://old.example.com"],
 *   legacy: legacy({ versions: ["hixie-76", "hybi-08"] }),
 * });
 * await using socket = await connect(server.url, {
 *   headers: { Origin: "http://old.example.com" },
 *   legacy: legacyClient("hixie-76"),
 * });
 * await socket.send("hello");
 * for await (const message of socket) {
 *   console.log(message, socket.capabilities.binary); // "hello" false
 *   break;
 * }
 * ```
 */
export function legacy(options: LegacyOptions = {}): LegacyServer {
  checkOptionNames(options, ["versions"]);
  const { versions = LEGACY_VERSIONS } = options;
  if (!Array.isArray(versions)) {
    throw new TypeError(
      `Cannot use option "versions": expected a list, got ${describe(versions)}`,
    );
  }
  const enabled = new Set(versions.map(checkVersion));
  const dialects = new Map<string | undefined, ServerDialect>();
  if (enabled.has("hixie-76")) dialects.set("hixie-76", HIXIE_76);
  if (enabled.has("hixie-75")) dialects.set("hixie-75", HIXIE_75);
  const spoken = ["13"];
  if (enabled.has("hybi-08")) spoken.push(WIRE_VERSIONS["hybi-08"]);
  if (enabled.has("hybi-07")) spoken.push(WIRE_VERSIONS["hybi-07"]);
  return Object.freeze<LegacyServer>({
    choose: (headers) => dialects.get(protocolVersion({ headers })),
    read: (method, fields) => readOpening(method, fields, spoken),
  });
}

/**
 * Makes the `legacy` option of a client: `connect()` and `connectWebSocket()` take it.
 *
 * @param version The version to speak; there is no way to ask a server which it knows.
 * @returns What the `legacy` option takes; it serves any number of connections.
 * @throws {TypeError} If there is no such version.
 *
 * @example
 * ```ts no_run
 * import { connect } from "@fullduplex/ws/client";
 * import { legacyClient } from "@fullduplex/ws/legacy";
 *
 * const socket = await connect("ws://old.example.com/", { legacy: legacyClient("hixie-75") });
 * await socket.send("text is all there is");
 * ```
 */
export function legacyClient(version: LegacyVersion): LegacyClient {
  checkVersion(version);
  return Object.freeze<LegacyClient>({
    begin: (handshake) =>
      version === "hixie-75" || version === "hixie-76"
        ? beginHixie(version, handshake)
        : beginHybi(WIRE_VERSIONS[version], handshake),
  });
}
