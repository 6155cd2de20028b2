import { test } from "node:test";
import { assertEquals } from "@std/assert";
import {
  bun_counts,
  bun_failed_files,
  deno_counts,
  deno_failed_files,
  node_counts,
  node_failed_files,
} from "../../scripts/counts.ts";

const XML = `<testsuites name="deno test" tests="5" failures="2" errors="0" time="0.1">
    <testsuite name="./tests/a_test.ts" tests="3" disabled="1" errors="0" failures="1">
        <testcase name="alone" classname="./tests/a_test.ts" time="0.001" line="5" col="1">
        </testcase>
        <testcase name="skipped" classname="./tests/a_test.ts" time="0.000" line="6" col="1">
            <skipped/>
        </testcase>
        <testcase name="group" classname="./tests/a_test.ts" time="0.014" line="8" col="1">
            <failure message="1 test step failed">1 test step failed.</failure>
        </testcase>
        <testcase name="group &gt; good" classname="ext:deno_node" time="0.0" line="1" col="2">
        </testcase>
        <testcase name="group &gt; bad" classname="ext:deno_node" time="0.0" line="1" col="2">
            <failure message="Uncaught Error: no">Error: no</failure>
        </testcase>
    </testsuite>
</testsuites>`;

test("Deno's report counts tests, not their groups, nor what was skipped", () => {
  assertEquals(deno_counts(XML, 1), { passed: 2, failed: 1 });
});

test("Bun's summary is counted, but no line of a test's own output", () => {
  const output = "x 7 pass\n\n 12 pass\n 1 skip\n 3 fail\n 1 error\nRan 16 tests across 2 files.\n";
  assertEquals(bun_counts(output, 1), { passed: 12, failed: 3 });
});

test("Node's summary is counted, cancelled tests as failed", () => {
  const output = "ℹ tests 9\nℹ suites 1\nℹ pass 5\nℹ fail 2\nℹ cancelled 1\nℹ skipped 1\n";
  assertEquals(node_counts(output, 1), { passed: 5, failed: 3 });
});

test("a runner that ends badly without a word of a failure has one", () => {
  assertEquals(deno_counts("", 124), { passed: 0, failed: 1 });
  assertEquals(bun_counts("error: cannot start", 1), { passed: 0, failed: 1 });
  assertEquals(node_counts("ℹ pass 5\nℹ fail 0\n", 7), { passed: 5, failed: 1 });
});

test("the files that failed are told, as sources, each once", () => {
  const fine = `<testsuite name="./tests/b_test.ts" failures="0"><testcase name="x"></testcase>
    </testsuite></testsuites>`;
  assertEquals(deno_failed_files(XML.replace("</testsuites>", fine)), ["tests/a_test.ts"]);
  const bun = "tests/a_test.ts:\n(pass) x\n\ntests/b/c_test.ts:\n(pass) y\n(fail) z [1.00ms]\n" +
    "\ntests/d_test.ts:\n\n# Unhandled error between tests\nerror: load\n\n1 pass\n";
  assertEquals(bun_failed_files(bun), ["tests/b/c_test.ts", "tests/d_test.ts"]);
  const node =
    "test at tests/x_test.js:1:1\n✖ failing tests:\n\ntest at tests/a/b_test.js:2:20\n✖ bad" +
    "\n\ntest at tests/a/b_test.js:2:78\n✖ in\n\ntest at /t/tests/c_test.js:1:1\n✖ file\n";
  assertEquals(node_failed_files(node), ["tests/a/b_test.ts", "tests/c_test.ts"]);
});

test("no failure, no file", () => {
  assertEquals(deno_failed_files(""), []);
  assertEquals(bun_failed_files("tests/a_test.ts:\n(pass) x\n"), []);
  assertEquals(node_failed_files("✔ x\nℹ pass 1\n"), []);
});
