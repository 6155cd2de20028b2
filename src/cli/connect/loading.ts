/**
 * What only some connections need, loaded only then.
 * @module
 */

import type { ConnectOptions } from "../../adapters/client.ts";
import type { LegacyVersion } from "../../legacy/mod.ts";
import { UsageError } from "../arguments.ts";
import { oneLine } from "../text.ts";

/** The names of the versions, without hyphens: ours, the drafts', and those of other tools. */
const VERSIONS: ReadonlyMap<string, LegacyVersion | undefined> = new Map([
  ["13", undefined],
  ["hybi13", undefined],
  ["8", "hybi-08"],
  ["hybi08", "hybi-08"],
  ["7", "hybi-07"],
  ["hybi07", "hybi-07"],
  ["hybi00", "hixie-76"],
  ["hixie76", "hixie-76"],
  ["hixie75", "hixie-75"],
]);

/**
 * Reads `--protocol-version`.
 *
 * @throws {UsageError} If there is no such version.
 * @throws {Error} If what older versions need is not installed.
 */
export async function loadLegacy(name: string): Promise<Pick<ConnectOptions, "legacy">> {
  const plain = name.replaceAll("-", "");
  if (!VERSIONS.has(plain)) {
    throw new UsageError(
      `--protocol-version must be 13, 8, 7, hixie-76 or hixie-75, got "${oneLine(name)}"`,
    );
  }
  const version = VERSIONS.get(plain);
  if (version === undefined) return {};
  try {
    const { legacyClient } = await import("../../legacy/mod.ts");
    return { legacy: legacyClient(version) };
  } catch (cause) {
    throw new Error(`Cannot use --protocol-version ${name}: it needs the package @noble/hashes`, {
      cause,
    });
  }
}

/**
 * Reads `--proxy`.
 *
 * @throws {UsageError} If it is no proxy's URL; the message leaves it out, for passwords.
 * @throws {Error} If what SOCKS needs is not installed.
 */
export async function loadProxy(url: string): Promise<Pick<ConnectOptions, "proxy" | "dial">> {
  if (!/^socks/i.test(url)) return { proxy: url };
  let socks: typeof import("../../adapters/socks/mod.ts");
  try {
    socks = await import("../../adapters/socks/mod.ts");
  } catch (cause) {
    throw new Error("Cannot use --proxy with SOCKS: it needs the package socks", { cause });
  }
  try {
    return { dial: socks.socksProxy(url) };
  } catch (error) {
    throw new UsageError(`--proxy: ${oneLine((error as Error).message)}`);
  }
}
