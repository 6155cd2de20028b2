/** Reads how many tests passed and failed, and where, out of the runners' own reports. */

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

/** Paths as the repository has them: relative to its root, in TypeScript, each once. */
function sources(paths: Iterable<string>): string[] {
  const names = [...paths].map((path) =>
    path.replace(/^.*?(?=tests\/)/, "").replace(/\.js$/, ".ts")
  );
  return [...new Set(names)];
}

/** The files that have a failure in Deno's JUnit report. */
export function deno_failed_files(xml: string): string[] {
  const suites = xml.matchAll(/<testsuite name="([^"]*)"[^>]*>(.*?)<\/testsuite>/gs);
  return sources(
    [...suites].filter(([, , inside]) => /<(failure|error)\b/.test(inside)).map(([, name]) => name),
  );
}

/** The files under whose heading `bun test` says "(fail)", or that it could not load. */
export function bun_failed_files(output: string): string[] {
  const parts = output.split(/^(tests\/\S+\.ts):$/m);
  const failed: string[] = [];
  for (let at = 1; at < parts.length; at += 2) {
    const bad = /^\(fail\) |^# Unhandled error between tests/m.test(parts[at + 1]);
    if (bad) failed.push(parts[at]);
  }
  return sources(failed);
}

/** The files that Node's spec reporter names in its list of failing tests. */
export function node_failed_files(output: string): string[] {
  const list = output.split(/^✖ failing tests:$/m).at(1) ?? "";
  const places = list.matchAll(/^test at (\S+?):\d+:\d+$/gm);
  return sources([...places].map(([, path]) => path));
}
