/**
 * What commands run in, for tests that call them in their own process.
 * @module
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CliIo } from "../../src/cli/mod.ts";

/** What a command has, and what it did with it. */
export interface Surroundings {
  readonly io: CliIo;
  /** Presses Ctrl-C. */
  press(): void;
  /** What it wrote to standard error. */
  readonly errors: string;
  /** The statuses with which it has exited. */
  readonly exits: number[];
}

/**
 * Makes surroundings.
 *
 * @param write Whether what is written to standard output is taken. Default: all of it is.
 */
export function surroundings(write: () => boolean = () => true): Surroundings {
  const exits: number[] = [];
  let errors = "";
  let press = () => {};
  const io: CliIo = {
    input: (async function* () {})(),
    outputIsTerminal: false,
    errorIsTerminal: false,
    write: () => Promise.resolve(write()),
    writeError: (text) => errors += text,
    stopInput() {},
    onInterrupt: (listener) => {
      press = listener;
      return () => {};
    },
    exit: (status) => void exits.push(status),
  };
  return {
    io,
    exits,
    press: () => press(),
    get errors() {
      return errors;
    },
  };
}

/** Makes a folder that is gone after use. */
export async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "fullduplex-"));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
