/**
 * Runs the files in which tests failed once more, alone and with more patience: tests over real
 * sockets wait for deadlines, and a machine that others use as well may miss one. What fails twice
 * has failed; what failed once is named in the gate's output.
 */
import type { Counts } from "./counts.ts";

/** What a runtime did with its tests. */
export interface SuiteResult extends Counts {
  log: string;
  /** The files in which tests failed, as paths relative to the root, ending in ".ts". */
  failedFiles: string[];
  /** The files that held only when they were run again. Default: none. */
  heldAgain?: string[];
}

/**
 * Runs the tests of some files, or of all when `files` is empty.
 *
 * @param patience How many times longer than on a quiet machine the tests' waits are.
 */
export type RunSuite = (files: string[], patience: number) => Promise<SuiteResult>;

/** When more files than this fail, it is not the machine. */
const MOST_FILES = 40;

/** How much longer waits are when it is tried again. */
const PATIENCE = 6;

/** The variable that tells tests how patient to be; `tests/support/patience.ts` reads it. */
export const PATIENCE_VARIABLE = "FULLDUPLEX_TEST_PATIENCE";

/** Runs a whole suite, and again the files of it that failed. */
export async function with_second_try(run: RunSuite): Promise<SuiteResult> {
  const first = await run([], 1);
  const files = first.failedFiles;
  if (first.failed === 0 || files.length === 0 || files.length > MOST_FILES) return first;
  const second = await run(files, PATIENCE);
  const heldAgain = files.filter((file) => !second.failedFiles.includes(file));
  // A runner that broke down without naming a file has failed in all of them.
  const broken = second.failed > 0 && second.failedFiles.length === 0;
  return {
    passed: first.passed + Math.max(0, first.failed - second.failed),
    failed: second.failed,
    log: `${first.log}\n==== once more, the files that failed ====\n${second.log}`,
    failedFiles: second.failedFiles,
    heldAgain: broken ? [] : heldAgain,
  };
}
