import { test } from "node:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type CliIo, main } from "../../../src/cli/mod.ts";
import type { ObservedConnection } from "../../../src/api/observer.ts";
import { Arrivals } from "../../../src/cli/connect/arrivals.ts";
import { JsonView } from "../../../src/cli/connect/view.ts";
import { hexDump, parseHex } from "../../../src/cli/connect/hex.ts";
import { History } from "../../../src/cli/connect/files.ts";
import { Target } from "../../../src/cli/connect/target.ts";
import { legacy } from "../../../src/legacy/mod.ts";
import { runCli } from "../spawn.ts";
import { echo, withServer } from "./rig.ts";

/** A terminal without input, whose output goes nowhere. */
function silent(): CliIo {
  return {
    input: (async function* () {})(),
    outputIsTerminal: true,
    errorIsTerminal: true,
    write: () => Promise.resolve(true),
    writeError: () => {},
    stopInput() {},
    onInterrupt: () => () => {},
    exit() {},
  };
}

/** Runs `connect` in this process. */
async function run(...args: string[]): Promise<{ status: number; out: string; error: string }> {
  let out = "", error = "";
  const io: CliIo = {
    ...silent(),
    write: (text) => {
      out += text;
      return Promise.resolve(true);
    },
    writeError: (text) => error += text,
  };
  return { status: await main(["connect", ...args], io), out, error };
}

const URL = "ws://127.0.0.1:1/";

test("wrong flags are told in one line, without passwords, and status 2", async () => {
  const cases: [args: string[], message: RegExp][] = [
    [["--count", "0"], /--count must be a whole number from 1/],
    [["--timeout", "0"], /--timeout must be a number from 0\.001/],
    [["--ping", "often"], /--ping must be a number/],
    [["--max-redirects", "21"], /--max-redirects must be a whole number from 0 to 20/],
    [["--hex", "-m", "0g"], /--message must be hexadecimal, two digits a byte, got "0g"/],
    [["--commands", "--no-commands"], /exclude each other/],
    [["--auth", "secret"], /--auth must be USER:PASSWORD, got 6 characters;/],
    [["--auth", "a:b", "--auth-file", "x"], /exclude each other/],
    [["--auth", "a:b", "-H", "authorization: x"], /--auth and a --header Authorization/],
    [["--host", ""], /--host must not be empty/],
    [["--host", "a b"], /Host/],
    [["--cert", "x.pem"], /--cert and --key go together/],
    [["--passphrase-file", "x"], /--passphrase-file is for a --key/],
    [["--protocol-version", "9"], /must be 13, 8, 7, hixie-76 or hixie-75, got "9"/],
    [["--protocol-version", "8", "--compress"], /compression/],
    [["--proxy", "ftp://u:secret@a"], /http: or https:/],
    [["--proxy", "http://u:secret@a", "--unix", "/a.sock"], /choose one way/],
    [["-H", "Upgrade: x"], /must not set "upgrade"/],
  ];
  for (const [args, message] of cases) {
    const { status, out, error } = await run(...args, URL);
    assertEquals([status, out], [2, ""], args.join(" "));
    assertMatch(error, message);
    assertMatch(error, /^fullduplex connect: [^\n]+; see fullduplex connect --help\n$/);
    assert(!error.includes("secret"), error);
  }
});

test("files that cannot be used are told in one line, and status 1", async () => {
  const folder = mkdtempSync(join(tmpdir(), "fullduplex-"));
  try {
    const [none, empty] = [join(folder, "none"), join(folder, "empty")];
    writeFileSync(empty, "");
    const cases: [args: string[], message: RegExp][] = [
      [["--auth-file", none], /Cannot read --auth-file \S+: there is no such file\n$/],
      [["--ca", empty], /Cannot use --ca \S+: there is no CERTIFICATE/],
      [["--cert", none, "--key", none], /Cannot read --key/],
      [["--history", folder], /Cannot read --history/],
      [["--output", join(none, "x")], /Cannot write --output \S+: there is no such file/],
    ];
    for (const [args, message] of cases) {
      const { status, out, error } = await run(...args, URL);
      assertEquals([status, out], [1, ""], args.join(" "));
      assertMatch(error, message);
      assertMatch(error, /^fullduplex connect: [^\n]+\n$/);
    }
    assertEquals((await run("--auth-file", empty, URL)).status, 2);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("every version before RFC 6455 is spoken with --protocol-version", async () => {
  await withServer(echo, async (url) => {
    for (const version of ["13", "hybi-08", "7", "hixie-76", "hixie-75"]) {
      const { status, out, error } = await run(
        ...["--protocol-version", version, "--origin", url.replace("ws", "http")],
        ...["--json", "-m", "hé", "--count", "1", url],
      );
      assertEquals(status, 0, `${version}: ${error}`);
      assertMatch(out, /"type":"text","bytes":3,"data":"hé"/);
    }
  }, { legacy: legacy() });
});

test(
  "a package that is not installed is named in one line",
  { skip: !("deno" in process.versions) && "it is installed here" },
  async () => {
    const old = await runCli(["connect", "--protocol-version", "8", URL]);
    assertEquals([old.status, old.stdout], [1, ""]);
    assertEquals(
      old.stderr,
      "fullduplex connect: Cannot use --protocol-version 8: it needs the package @noble/hashes\n",
    );
    const socks = await runCli(["connect", "--proxy", "socks5://localhost", URL]);
    assertEquals(
      socks.stderr,
      "fullduplex connect: Cannot use --proxy with SOCKS: it needs the package socks\n",
    );
  },
);

test("text on a terminal is escaped, and binary is a dump", async () => {
  await withServer(async (socket) => {
    await socket.send("a\x1b[2Jb\nc");
    await socket.send(new Uint8Array([27, 65]));
    await socket.close(1000, "\x1b[31m");
  }, async (url) => {
    const { out, error } = await run("--count", "2", url);
    assertEquals(out, `a\\x1b[2Jb\nc\n00000000  1b 41${" ".repeat(45)}|.A|\n`);
    // deno-lint-ignore no-control-regex -- control characters are the point
    assert(!/\x1b/.test(error), error);
  });
});

test("pings that nobody reads about are left out, and what is shown keeps its order", async () => {
  let release!: () => void;
  const blocked = new Promise<boolean>((resolve) => release = () => resolve(true));
  const written: string[] = [];
  const io: CliIo = {
    ...silent(),
    write: (text) => {
      written.push(JSON.parse(text).event);
      return blocked;
    },
  };
  await withServer(async (socket) => {
    await socket.send("one");
    await socket.send("two");
    let pongs = 0;
    for (let n = 0; n < 300; n++) socket.ping(`${n}`).then(() => pongs++);
    while (pongs < 300) await new Promise((resolve) => setTimeout(resolve, 5));
    release();
    await socket.close();
  }, async (url) => {
    assertEquals(await main(["connect", "--json", "--wait", "60", url], io), 0);
  });
  assertEquals(written.slice(0, 3), ["open", "message", "message"]);
  const events = written.filter((event) => event !== "pong");
  assertEquals(events.length, 3 + 100 + 1, "of 300 pings, 100 are shown");
  assertEquals(events.at(-1), "close");
});

test("only so many control frames wait: for a message before them, and for who reads", () => {
  let shown = 0;
  const arrivals = new Arrivals(() => shown++);
  const { control, message } = arrivals.observer;
  const ping = { direction: "in", type: "ping", payload: new Uint8Array() } as const;
  const connection = {} as ObservedConnection;
  for (let n = 0; n < 500; n++) control!(connection, ping);
  assertEquals(shown, 500, "without a message, none waits");
  message!(connection, { direction: "in", type: "text", length: 1, data: "x" });
  for (let n = 0; n < 500; n++) control!(connection, ping);
  assertEquals(shown, 500);
  arrivals.messageShown();
  assertEquals(shown, 600);

  let written = 0;
  const view = new JsonView({
    ...silent(),
    write: () => {
      written++;
      return new Promise(() => {});
    },
  });
  for (let n = 0; n < 500; n++) view.control("ping", new Uint8Array());
  assertEquals(written, 100);
});

test("hexadecimal is read with blanks, and never half a byte", () => {
  assertEquals(parseHex(" 0 0fF\t"), new Uint8Array([0, 255]));
  assertEquals(parseHex(""), new Uint8Array());
  for (const text of ["0", "0x00", "g0", "00 0", "٠٠"]) assertEquals(parseHex(text), null, text);
  assertEquals([...hexDump(new Uint8Array())], []);
  assertEquals([...hexDump(new Uint8Array(16 * 600))].length, 3);
});

test("history has a limit, leaves out what repeats, and no file is no history", () => {
  const history = new History();
  for (let i = 0; i < 1500; i++) history.add(`line ${i}`);
  history.add("line 1499");
  history.add("  ");
  assertEquals([history.newestFirst.length, history.newestFirst[0]], [1000, "line 1499"]);
  history.add("x".repeat(1024 * 1024));
  assertEquals(history.newestFirst, []);
  assertEquals(new History(join(tmpdir(), "no such", "history")).newestFirst, []);
});

test("another server gets no secrets of the first one", () => {
  const fields: [string, string][] = [["Authorization", "a"], ["cookie", "b"], ["X-One", "c"]];
  const tls = { cert: "cert", key: "key", ca: "ca", servername: "d", rejectUnauthorized: false };
  const target = new Target("wss://a.example/x", {}, fields, tls, undefined);
  for (const url of ["wss://a.example/y", "https://a.example"]) {
    assertEquals(target.to(url).arguments, [url, { headers: fields, tls }]);
  }
  const kept = { headers: [fields[2]], tls: { ca: "ca", rejectUnauthorized: false } };
  for (const url of ["ws://a.example/", "wss://a.example:81", "ws+unix:/a.sock:/", "nonsense"]) {
    assertEquals(target.to(url).arguments, [url, kept]);
  }
  const [url, options] =
    new Target("ws://u:p@b.example:81/?q", {}, [], undefined, "/a:b").arguments;
  assertEquals(url, "ws+unix:/a%3Ab:/?q");
  assertEquals(Object.fromEntries(options.headers as Headers), {
    authorization: `Basic ${btoa("u:p")}`,
    host: "b.example:81",
  });
});
