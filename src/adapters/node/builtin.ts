/**
 * Node's own modules, asked for at run time instead of imported: the client must load, and say what
 * it cannot do, where there are none, and a bundle for browsers must carry nothing of `node:`.
 *
 * `process.getBuiltinModule` is there on Node 20.16, Deno 2.9 and Bun 1.4, and later ones.
 *
 * @module
 */

/** The modules that are asked for, by name. */
export interface Builtins {
  /** Memory that is not filled with zeros. */
  buffer: typeof import("node:buffer");
  /** SHA-1. */
  crypto: typeof import("node:crypto");
  /** HTTP. */
  http: typeof import("node:http");
  /** HTTP over TLS. */
  https: typeof import("node:https");
  /** TCP and unix sockets. */
  net: typeof import("node:net");
  /** `nextTick`. */
  process: typeof import("node:process");
  /** Node's own streams. */
  stream: typeof import("node:stream");
  /** TLS. */
  tls: typeof import("node:tls");
  /** Deflate. */
  zlib: typeof import("node:zlib");
}

/**
 * Finds one of Node's own modules.
 *
 * @param name Its name, without `node:`.
 * @returns The module, or `undefined` where the runtime has none, as in a browser.
 */
export function findBuiltin<K extends keyof Builtins>(name: K): Builtins[K] | undefined {
  const { process } = globalThis as {
    process?: { getBuiltinModule?: (name: string) => unknown };
  };
  return process?.getBuiltinModule?.(`node:${name}`) as Builtins[K] | undefined;
}

/**
 * Finds one of Node's own modules that something cannot go on without.
 *
 * @param name Its name, without `node:`.
 * @throws {DOMException} `NotSupportedError`, where the runtime has none, as in a browser.
 */
export function builtin<K extends keyof Builtins>(name: K): Builtins[K] {
  const found = findBuiltin(name);
  if (found !== undefined) return found;
  throw new DOMException(
    `Cannot connect: this runtime has no TCP sockets (there is no node:${name} here)`,
    "NotSupportedError",
  );
}
