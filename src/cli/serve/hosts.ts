/**
 * The Host field: for which names this server answers.
 *
 * A page whose name its owner points at this machine (DNS rebinding) would be of the same origin as
 * the server, if that answered for any name.
 *
 * @module
 */

/** Decides on the Host field of a request. */
export type HostCheck = (host: string) => boolean;

/**
 * Makes the check of a listener.
 *
 * @param names The names given with `--host`, each with a port or without; empty for the default: a
 * listener of this machine only answers for addresses, `localhost` and its own name, any other for
 * every name.
 * @param hostname Where the listener listens; `undefined` for a Unix socket.
 */
export function checkHosts(names: readonly string[], hostname: string | undefined): HostCheck {
  if (names.length > 0) {
    const known = new Set(names.map((name) => withoutDot(name.toLowerCase())));
    return (host) => {
      const [name, port] = splitHost(host);
      return known.has(name) || known.has(`${name}:${port}`);
    };
  }
  if (hostname === undefined || !isLoopback(hostname)) return () => true;
  return (host) => {
    const [name] = splitHost(host);
    return name === "localhost" || name.endsWith(".localhost") || name === hostname.toLowerCase() ||
      /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/.test(name);
  };
}

/** Tells whether an address or name means this machine only. */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1)$/i.test(hostname);
}

/** Splits the Host field; an IPv6 address keeps its brackets. */
function splitHost(host: string): [name: string, port: string] {
  const [, name, port = ""] = /^(.*?)(?::(\d*))?$/.exec(host.toLowerCase())!;
  return [withoutDot(name), port];
}

function withoutDot(name: string): string {
  return name.endsWith(".") ? name.slice(0, -1) : name;
}
