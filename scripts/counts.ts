/** Reads how many tests passed and failed out of the runners' own reports. */

/** Tests that passed and failed. */
export interface Counts {
  passed: number;
  failed: number;
}

/** Joins a runner's counts with its exit status: a non-zero status is at least one failure. */
function settled(passed: number, failed: number, code: number): Counts {
  return { passed, failed: code === 0 ? failed : Math.max(1, failed) };
}

function sum(output: string, pattern: RegExp): number {
  let total = 0;
  for (const match of output.matchAll(pattern)) total += Number(match[1]);
  return total;
}

/**
 * Counts Deno's JUnit report. A `describe` group is a test case there, named like the start of its
 * members' names; it is not counted, so that the three runtimes count alike.
 */
export function deno_counts(xml: string, code: number): Counts {
  const cases = [...xml.matchAll(/<testcase name="([^"]*)"[^>]*>(.*?)<\/testcase>/gs)];
  const groups = new Set<string>();
  for (const [, name] of cases) {
    const parts = name.split(" &gt; ");
    for (let end = 1; end < parts.length; end++) groups.add(parts.slice(0, end).join(" &gt; "));
  }
  let passed = 0, failed = 0;
  for (const [, name, inside] of cases) {
    if (groups.has(name) || inside.includes("<skipped")) continue;
    if (inside.includes("<failure") || inside.includes("<error")) failed++;
    else passed++;
  }
  return settled(passed, failed, code);
}

/** Counts the summary lines ` 12 pass`, ` 1 fail`, ` 1 error` at the end of `bun test`. */
export function bun_counts(output: string, code: number): Counts {
  // A file that does not load is an error, and is counted as a failure by Bun as well.
  return settled(sum(output, /^ *(\d+) pass$/gm), sum(output, /^ *(\d+) fail$/gm), code);
}

/** Counts the summary lines `ℹ pass 12`, `ℹ fail 1`, `ℹ cancelled 0` of Node's spec reporter. */
export function node_counts(output: string, code: number): Counts {
  const failed = sum(output, /^ℹ (?:fail|cancelled) (\d+)$/gm);
  return settled(sum(output, /^ℹ pass (\d+)$/gm), failed, code);
}
