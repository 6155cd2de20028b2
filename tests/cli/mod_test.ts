import { test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type CliIo, main } from "../../src/cli/mod.ts";
import { runCli } from "./spawn.ts";

/** Runs `main()` without a process. */
async function run(...args: string[]): Promise<{ status: number; out: string; error: string }> {
  let out = "", error = "";
  const io: CliIo = {
    input: (async function* () {})(),
    outputIsTerminal: false,
    errorIsTerminal: false,
    write: (text) => {
      out += text;
      return Promise.resolve(true);
    },
    writeError: (text) => error += text,
    stopInput() {},
    onInterrupt: () => () => {},
    exit() {},
  };
  return { status: await main(args, io), out, error };
}

test("every help fits one screen and has examples", async () => {
  for (const args of [["--help"], ["start", "--help"], ["connect", "-h"], ["connect", "x", "-h"]]) {
    const { status, out, error } = await run(...args);
    assertEquals([status, error], [0, ""]);
    assertMatch(out, /\nExamples:\n {2}fullduplex /);
    const lines = out.split("\n");
    assert(lines.length <= (args[0] === "connect" ? 48 : 32), `${lines.length} lines`);
    for (const line of lines) assert(line.length <= 80, line);
  }
});

test("--version prints the version, of each command too", async () => {
  for (const args of [["--version"], ["-V"], ["start", "--version"], ["connect", "-V"]]) {
    const { status, out } = await run(...args);
    assertEquals(status, 0);
    assertMatch(out, /^fullduplex \d+\.\d+\.\d+\n$/);
  }
});

test("wrong usage is one line on standard error and status 2", async () => {
  const cases: [args: string[], message: RegExp][] = [
    [[], /^fullduplex: no command is given; see/],
    [["sing"], /no command "sing"/],
    [["constructor"], /no command "constructor"/],
    [["a\x1b[2J\nb"], /no command "a\\x1b\[2J\\nb"/],
    [["start", "--prot", "1"], /there is no option --prot;/],
    [["start", "--port"], /--port needs a value/],
    [["start", "--port", "70000"], /--port must be a whole number from 0 to 65535, got "70000"/],
    [["start", "--port", "1e3"], /got "1e3"/],
    [["start", "--port", "1", "-p", "2"], /-p is given twice/],
    [["start", "--cert", "x.pem"], /--cert and --key/],
    [["start", "here"], /start takes no argument, got "here"/],
    [["start", "--host", ""], /--host must not be empty/],
    [["connect"], /connect takes one URL, got 0/],
    [["connect", "ws://a", "ws://b"], /connect takes one URL, got 2/],
    [["connect", "localhost:9001"], /scheme/],
    [["connect", "ws://a", "--insecure=yes"], /--insecure takes no value/],
    [["connect", "ws://a", "--wait", "soon"], /--wait must be a number/],
    [["connect", "ws://a", "--header", "Name"], /--header must be 'Name: value', got "Name"/],
    [["connect", "ws://a", "--protocol", "a b"], /protocols/],
    [["connect", "ws://a", "--constructor"], /there is no option --constructor/],
  ];
  for (const [args, message] of cases) {
    const { status, out, error } = await run(...args);
    assertEquals([status, out], [2, ""], args.join(" "));
    assertMatch(error, message);
    assertMatch(error, /^fullduplex( start| connect)?: [^\n]+; see fullduplex [^\n]*--help\n$/);
  }
});

test("the program's exit status is main's", async () => {
  const version = await runCli(["--version"]);
  assertEquals([version.status, version.stderr], [0, ""]);
  assertMatch(version.stdout, /^fullduplex /);
  const wrong = await runCli(["start", "--what"]);
  assertEquals([wrong.status, wrong.stdout], [2, ""]);
  assertEquals(
    wrong.stderr,
    "fullduplex start: there is no option --what; see fullduplex start --help\n",
  );
});
