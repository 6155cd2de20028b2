/**
 * Reading certificates and keys that the command line names.
 * @module
 */

import { readFile } from "node:fs/promises";

/**
 * Reads a file that must have a certificate or a private key in it.
 *
 * @param option The option that named it, for messages.
 * @param path Where it is.
 * @param kind What must be in it.
 * @returns The text.
 * @throws {Error} If it cannot be read, or something else is in it.
 */
export async function readPem(
  option: string,
  path: string,
  kind: "CERTIFICATE" | "PRIVATE KEY",
): Promise<string> {
  const text = await readTextOption(option, path);
  // Deno would listen with anything, and fail each handshake.
  if (new RegExp(`-----BEGIN [A-Z ]*${kind}-----`).test(text)) return text;
  throw new Error(`Cannot use --${option} ${path}: there is no ${kind} in PEM in it`);
}

/**
 * Reads a text file that an option names.
 *
 * @throws {Error} If it cannot be read.
 */
export async function readTextOption(option: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const { code, message } = cause as { code?: string; message?: string };
    const why = code === "ENOENT" ? "there is no such file" : message;
    throw new Error(`Cannot read --${option} ${path}: ${why}`, { cause });
  }
}
