import { test } from "node:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { WebSocketConnection } from "../../../src/api/connection.ts";
import { NO_TERMINAL, startTerminal, type TerminalRun } from "../terminal.ts";
import { echo, withListener, withServer } from "./rig.ts";

const UP = "\x1b[A", LEFT = "\x1b[D", HOME = "\x01", CTRL_C = "\x03", CTRL_D = "\x04";

/** Starts `connect` in a terminal, and waits until it is connected. */
async function open(url: string, ...args: string[]): Promise<TerminalRun> {
  const run = startTerminal(["connect", ...args, url]);
  await run.sees(/connected to ws:\/\/[^\n]+\n> $/);
  return run;
}

/** What the last screen line shows, after every move of the cursor to its start. */
function lastLine(raw: string): string {
  // deno-lint-ignore no-control-regex -- escape sequences are the point
  return raw.split("\n").at(-1)!.split(/\r|\x1b\[1G/).at(-1)!.replace(/\x1b\[[0-9]*[A-Z]/g, "");
}

const options = { skip: NO_TERMINAL };

test("lines can be edited and come back with the arrow keys", options, async () => {
  await withServer(echo, async (url) => {
    const run = await open(url);
    // In the middle of a line, Node puts in the last key only of those that come together.
    run.type(`wrld${LEFT}${LEFT}${LEFT}o`);
    await run.sees(/world$/);
    run.type(`${HOME}?`);
    await run.sees(/\?world$/);
    run.type("\r");
    await run.sees(/< \?world\n/);
    run.type("second\r");
    await run.sees(/< second\n/);
    run.type(`${UP}${UP}!\r`);
    await run.sees(/< \?world!\n/);
    assert(!/[^\r]\n/.test(run.raw), "a line break that does not go back to the left");
    run.type(CTRL_D);
    await run.sees(/closed: 1000, clean/);
    assertEquals(await run.ended, 0);
  });
});

test("a message that comes while a line is typed appears above it", options, async () => {
  let socket!: WebSocketConnection;
  const keep = async (it: WebSocketConnection) => {
    socket = it;
    await echo(it);
  };
  await withServer(keep, async (url) => {
    const run = await open(url);
    run.type("half a li");
    await run.sees(/half a li$/);
    await socket.send("one\ntwo\x1b[2J");
    await run.sees(/< one\n {2}two\\x1b\[2J\n> half a li$/);
    assertEquals(lastLine(run.raw), "> half a li");
    run.type("ne\r");
    await run.sees(/< half a line\n> $/);
    // A line that takes more than one row of the screen
    run.type("x".repeat(200));
    await run.sees(/x$/);
    await socket.send("above");
    await run.sees(new RegExp(`< above\\n> (x\\s*){200}$`));
    assert(run.raw.includes("\x1b[2A\x1b[J< above"), "written from the line's first row on");
    run.type("\r");
    await run.sees(new RegExp(`< x{200}\\n`));
    run.type(CTRL_C);
    assertEquals(await run.ended, 0);
  });
});

test("Ctrl-C closes with 1000, and a second one ends at once", options, async () => {
  const ends: unknown[] = [];
  const note = async (socket: WebSocketConnection) => {
    socket.closed.then((info) => ends.push(info.closeCode));
    if (socket.request!.url.endsWith("/deaf")) socket.pause();
    else await echo(socket);
    await socket.closed;
  };
  await withServer(note, async (url, server) => {
    const one = await open(url);
    one.type(CTRL_C);
    await one.sees(/closed: 1000, clean\n/);
    assertEquals([await one.ended, ends], [0, [1000]]);

    const two = await open(`${url}/deaf`);
    two.type(CTRL_C);
    await new Promise((resolve) => setTimeout(resolve, 300));
    two.type(CTRL_C);
    assertEquals(await two.ended, 130);
    for (const socket of server.connections) socket.terminate();
  });
});

test("Ctrl-D ends, and so does a server that closes", options, async () => {
  const bye = async (socket: WebSocketConnection) => {
    for await (const message of socket) if (message === "go") await socket.close(4000, "gone");
  };
  await withServer(bye, async (url) => {
    const run = await open(url);
    run.type("unfinished");
    run.type(CTRL_D); // not on an empty line
    run.type(`\x15${CTRL_D}`);
    await run.sees(/closed: 1000, clean/);
    assertEquals(await run.ended, 0);
    const other = await open(url);
    other.type("go\r");
    await other.sees(/closed: 4000 "gone", clean/);
    assertEquals(await other.ended, 0);
  });
});

test("colours are there unless NO_COLOR says no", options, async () => {
  await withServer(echo, async (url) => {
    for (const colours of [true, false]) {
      const run = startTerminal(["connect", url], { NO_COLOR: colours ? "" : "1" });
      await run.sees(/connected to/);
      run.type("hi\r");
      await run.sees(/< hi/);
      run.type(CTRL_D);
      assertEquals(await run.ended, 0);
      // deno-lint-ignore no-control-regex -- escape sequences are the point
      assertEquals(/\x1b\[[0-9;]+m/.test(run.raw), colours);
    }
  });
});

test("slash commands ping, show, pause, close and connect again", options, async () => {
  const folder = mkdtempSync(join(tmpdir(), "fullduplex-"));
  try {
    await withServer(echo, async (url) => {
      const run = await open(url);
      run.type("/help\r");
      await run.sees(/\/pause[^]*\/quit[^]*> $/);
      run.type("/ping hi\r");
      await run.sees(/round trip \d+\.\d\d ms/);
      run.type("/binary 00ff 41\r");
      await run.sees(/< binary, 3 bytes\n {2}00000000 {2}00 ff 41 +\|\.\.A\|/);
      run.type("//slash\r");
      await run.sees(/< \/slash\n/);
      run.type("/show\r");
      await run.sees(/state +open[^]*in +2 messages, 9 bytes\n +out +2 messages, 9 bytes/);
      run.type("/sing\r");
      await run.sees(/there is no command \/sing/);
      run.type("/binary 0\r/close x\r/close 1005\r/ping " + "x".repeat(126) + "\r/show me\r");
      await run.sees(/hexadecimal[^]*a number first[^]*1005[^]*limit 125[^]*\/show takes nothing/);
      run.type("/pause\rlate\r/show\r");
      await run.sees(/reading is paused/);
      assert(!run.raw.includes("< late"));
      run.type("/resume\r");
      await run.sees(/< late/);
      run.type("/pause\r/close 4001 that was it\r");
      await run.sees(/closed: 4001 "that was it", clean/);
      run.type("anything\r");
      await run.sees(/the connection is not open/);
      run.type("/connect\r");
      await run.sees(/connected to/);
      run.type("/show\r");
      await run.sees(/state +open\n[^]*in +0 messages/);
      run.type("/connect ws://127.0.0.1:1/\r");
      await run.sees(/closed: 1000, clean[^]*Cannot connect to/);
      run.type(`/connect ${url}/two\r`);
      await run.sees(/connected to ws:\S+two/);
      run.type(`/file ${join(folder, "none")}\r`);
      await run.sees(/Cannot send \S+: there is no such file/);
      run.type("/quit\r");
      await run.sees(/closed: 1000, clean/);
      assertEquals(await run.ended, 0);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("--no-commands sends slashes, and --history keeps what was typed", options, async () => {
  const folder = mkdtempSync(join(tmpdir(), "fullduplex-"));
  const path = join(folder, "history");
  try {
    await withServer(echo, async (url) => {
      const first = await open(url, "--no-commands", "--history", path);
      first.type("/quit\r//\r");
      await first.sees(/< \/quit[^]*< \/\//);
      first.type(CTRL_D);
      assertEquals(await first.ended, 0);
      assert(existsSync(path));
      assertEquals(readFileSync(path, "utf8"), "/quit\n//\n");
      if (process.platform !== "win32") assertEquals(statSync(path).mode & 0o777, 0o600);
      const second = await open(url, "--no-commands", "--history", path);
      second.type(`${UP}${UP}${"!"}\r`);
      await second.sees(/< \/quit!/);
      second.type(CTRL_D);
      assertEquals(await second.ended, 0);
      assertMatch(readFileSync(path, "utf8"), /^\/quit\n\/\/\n\/quit!\n$/);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("Ctrl-C gives up a connection that does not come about", options, async () => {
  await withListener(() => {}, async (port) => {
    const run = startTerminal(["connect", `ws://127.0.0.1:${port}`]);
    await run.sees(/> $/);
    run.type("too early\r/connect\r");
    await run.sees(/not open[^]*still busy/);
    run.type(CTRL_C);
    await run.sees(/Cannot connect/);
    assertEquals(await run.ended, 1);
  });
});

test(
  "two commands to connect leave one connection, and a refused one leaves the prompt",
  options,
  async () => {
    await withServer(echo, async (url, server) => {
      const run = await open(url);
      run.type("/connect\r/connect\r");
      await run.sees(/still busy[^]*connected to/);
      assertEquals(server.connections.size, 1);
      run.type("/connect ftp://x\r");
      await run.sees(/closed: 1000, clean[^]*scheme/);
      run.type("/show\r");
      await run.sees(/not connected/);
      run.type(CTRL_D);
      assertEquals(await run.ended, 2);
    });
  },
);

test("a terminal that knows only lines gets no prompt", options, async () => {
  await withServer(echo, async (url) => {
    const run = startTerminal(["connect", url], { TERM: "dumb" });
    await run.sees(/connected to/);
    run.type("plain\n");
    await run.sees(/plain\nplain\n/);
    assert(!run.raw.slice(run.raw.indexOf("connected")).includes("\x1b"));
    run.type(CTRL_D);
    assertEquals(await run.ended, 0);
  });
});
