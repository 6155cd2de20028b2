/**
 * Several routers, and others, on the "upgrade" event of one `node:http` server.
 *
 * A server has one listener of ours, however many routers are mounted. The first router with a route
 * for the path takes the request. One that none of them knows is left to the other listeners of the
 * event, where there are any, and answered with 404 where there are none.
 *
 * @module
 */

import type { NodeDuplex, NodeRequest } from "../adapters/node/node_types.ts";
import type { UpgradeListener } from "../adapters/node/upgrade.ts";

/**
 * An `http.Server` or `https.Server` of `node:http`. No more of it is named here than tells it from
 * anything else: listener types differ by version.
 */
export interface MountableServer {
  /** How many listen to an event. */
  listenerCount(event: string): number;
}

/** What of it is used. */
interface Emitter extends MountableServer {
  on(event: string, listener: (...args: never[]) => void): unknown;
  removeListener(event: string, listener: (...args: never[]) => void): unknown;
}

/** Who answers the upgrade requests of the servers it is mounted on. */
export interface Mounted {
  /** Tells whether a request is for this one. */
  takes(request: NodeRequest): boolean;
  /** Answers a request. */
  readonly onUpgrade: UpgradeListener;
  /** The server was closed. */
  forget(server: MountableServer): void;
}

const mounts = new WeakMap<MountableServer, Mount>();

class Mount {
  readonly mounted: Set<Mounted> = new Set();
  readonly #server: Emitter;

  constructor(server: Emitter) {
    this.#server = server;
    server.on("upgrade", this.#onUpgrade);
    server.on("close", this.#onClose);
  }

  remove(): void {
    this.#server.removeListener("upgrade", this.#onUpgrade);
    this.#server.removeListener("close", this.#onClose);
    mounts.delete(this.#server);
  }

  readonly #onUpgrade = (request: NodeRequest, socket: NodeDuplex, head: Uint8Array): void => {
    for (const mounted of this.mounted) {
      if (mounted.takes(request)) return mounted.onUpgrade(request, socket, head);
    }
    if (this.#server.listenerCount("upgrade") === 1) {
      const [first] = this.mounted;
      return first.onUpgrade(request, socket, head); // which says 404
    }
    // A reset before whoever takes it has looked at the socket must not end the process.
    (socket as unknown as Emitter).on("error", () => {});
  };

  readonly #onClose = (): void => {
    for (const mounted of [...this.mounted]) mounted.forget(this.#server);
  };
}

/**
 * Lets a server's upgrade requests come to a router.
 *
 * @throws {TypeError} If it is no `http.Server`.
 */
export function mount(server: MountableServer, mounted: Mounted): void {
  if (
    typeof server?.listenerCount !== "function" || typeof (server as Emitter).on !== "function"
  ) {
    throw new TypeError("Cannot mount: expected an http.Server or https.Server of node:http");
  }
  let known = mounts.get(server);
  if (known === undefined) mounts.set(server, known = new Mount(server as Emitter));
  known.mounted.add(mounted);
}

/** Ends that. */
export function unmount(server: MountableServer, mounted: Mounted): boolean {
  const known = mounts.get(server);
  if (known === undefined || !known.mounted.delete(mounted)) return false;
  if (known.mounted.size === 0) known.remove();
  return true;
}
