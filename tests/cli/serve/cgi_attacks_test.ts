/** Programs and clients that mean no good, or have no end. */
import { test } from "node:test";
import { chmod, mkdir, readdir, readFile, realpath, symlink, writeFile } from "node:fs/promises";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { main } from "../../../src/cli/mod.ts";
import { head, RawPeer } from "../../adapters/support/raw.ts";
import { sleep, until, within } from "../../adapters/support/waiting.ts";
import { startCli } from "../spawn.ts";
import { isAlive, PLAIN, type Programs, servePrograms, skip } from "./cgi_rig.ts";
import { ask } from "./http.ts";
import { makeFolder } from "./rig.ts";

/** Tests shell scripts. */
function cgiTest(
  name: string,
  scripts: Record<string, string>,
  use: (programs: Programs) => Promise<void>,
  ...args: string[]
): void {
  test(name, { skip }, async () => {
    await using programs = await servePrograms(scripts, ...args);
    await use(programs);
  });
}

/** A script that never ends, with a child; both leave their numbers. */
const FOREVER = "sleep 300 & echo $! > ../child; echo $$ > ../parent; wait";

/** Waits until a program of {@linkcode FOREVER} and its child are gone. */
async function bothGone({ number }: Programs): Promise<void> {
  for (const name of ["parent", "child"]) {
    const pid = await number(name);
    await until(() => !isAlive(pid), `end of the ${name}`);
  }
}

cgiTest("a program that takes too long is killed with its children, and the answer is 504", {
  silent: FOREVER,
  header: `printf 'Content-Type: a/b\\n'; ${FOREVER}`,
  notype: `printf 'Status: 200\\n\\n'; ${FOREVER}`,
}, async (programs) => {
  for (const name of ["silent", "header", "notype"]) {
    const started = performance.now();
    const answer = await within(programs.get(name), "answer");
    assertEquals([answer.status, await answer.text()], [504, "The program took too long\n"], name);
    assert(performance.now() - started >= 450);
    await programs.server.sees(
      new RegExp(`error /cgi-bin/${name} is killed: it took more than 0\\.5 s\n`),
    );
    await bothGone(programs);
  }
}, ...["--cgi-timeout", "0.5"]);

cgiTest("the deadline cuts an answer that is under way, read or not", {
  slow: `${PLAIN}; echo begun; ${FOREVER}`,
  flood: `${PLAIN}; echo $$ > ../parent; exec cat /dev/zero`,
}, async (programs) => {
  const { port, number } = programs;
  const cut = await ask(port, "/cgi-bin/slow");
  assertMatch(cut.body, /begun/);
  assert(!cut.body.includes("0\r\n\r\n"), "it must not look whole");
  await bothGone(programs);
  const peer = await RawPeer.connect(port);
  peer.write(head(["GET /cgi-bin/flood HTTP/1.1", `Host: localhost:${port}`]));
  await until(() => peer.size > 0, "first bytes");
  peer.pause();
  const pid = await number("parent");
  await until(() => !isAlive(pid), "end of the flood");
  await programs.server.sees(/GET \/cgi-bin\/flood 200 \d+ B [01]\./);
  peer.destroy();
}, ...["--cgi-timeout", "0.7"]);

cgiTest("a client that sends its body for ever does not keep a program", {
  eat: `echo $$ > ../parent; cat > /dev/null; ${PLAIN}`,
}, async ({ port, number, server }) => {
  const peer = await RawPeer.connect(port);
  peer.write(head([
    ...["POST /cgi-bin/eat HTTP/1.1", `Host: localhost:${port}`, "Content-Length: 1000000"],
  ]));
  const timer = setInterval(() => peer.write("x"), 50);
  try {
    const pid = await number("parent");
    await until(() => !isAlive(pid), "end of the program");
    assertMatch(await peer.readHead(), /^HTTP\/1\.1 504 /);
    await server.sees(/error \/cgi-bin\/eat is killed/);
  } finally {
    clearInterval(timer);
    peer.destroy();
  }
}, ...["--cgi-timeout", "0.5"]);

cgiTest("a client that leaves takes the program and its children along", {
  silent: FOREVER,
  slow: `${PLAIN}; echo begun; ${FOREVER}`,
}, async (programs) => {
  const { port, number } = programs;
  for (const name of ["silent", "slow"]) {
    await writeFile(`${programs.folder.path}/child`, "");
    await writeFile(`${programs.folder.path}/parent`, "");
    const peer = await RawPeer.connect(port);
    peer.write(head([`GET /cgi-bin/${name} HTTP/1.1`, `Host: localhost:${port}`]));
    const pid = await number("parent");
    if (name === "slow") await until(() => peer.text.includes("begun"), "first line");
    assert(isAlive(pid) && isAlive(await number("child")));
    peer.destroy();
    await bothGone(programs);
  }
  assert(!/failed|killed/.test(programs.server.log), programs.server.log);
});

cgiTest("more programs than --cgi-max are refused, and places are given back", {
  wait: `until test -e ../go; do sleep 0.02; done; ${PLAIN}; echo went`,
  fail: "exit 1",
  none: "#!/no/such/interpreter\n",
}, async ({ get, folder }) => {
  for (let i = 0; i < 5; i++) {
    assertEquals((await get("fail")).status, 502);
    assertEquals((await get("none")).status, 502);
  }
  const running = [get("wait"), get("wait")];
  await sleep(300);
  const third = await within(get("wait"), "answer");
  assertEquals(third.status, 503);
  assertEquals([third.headers.get("retry-after"), await third.text()], [
    ...["5", "Too many programs are running\n"],
  ]);
  assertEquals((await get("nothing")).status, 404); // which takes no place
  await writeFile(`${folder.path}/go`, "");
  for (const answer of running) assertEquals(await (await answer).text(), "went\n");
  assertEquals(await (await get("wait")).text(), "went\n");
}, ...["--cgi-max", "2"]);

cgiTest("a large answer waits in the program while the client does not read", {
  large: "printf 'Content-Type: a/b\\n\\n'; exec head -c 1000000000 /dev/zero",
}, async ({ port, server }) => {
  const memory = process.memoryUsage.rss();
  const peer = await RawPeer.connect(port);
  peer.write(head(["GET /cgi-bin/large HTTP/1.1", `Host: localhost:${port}`]));
  await until(() => peer.size > 0, "first bytes");
  peer.pause();
  await sleep(700);
  const held = peer.size;
  await sleep(700);
  const grown = process.memoryUsage.rss() - memory;
  assert(grown < 128 * 1024 * 1024, `grew by ${grown} bytes while nobody read`);
  peer.resume();
  await until(() => peer.size > held + 1024 * 1024, "more, when it reads again");
  peer.destroy();
  const [, sent] = await server.sees(/GET \/cgi-bin\/large 200 (\d+) B/);
  assert(Number(sent) < 64 * 1024 * 1024, `${sent} bytes were taken from the program`);
});

cgiTest("a large body waits in the client while the program does not read", {
  lazy: `until test -e ../go; do sleep 0.02; done; ${PLAIN}; exec wc -c`,
}, async ({ port, folder }) => {
  const size = 200 * 1024 * 1024;
  const piece = new Uint8Array(1024 * 1024);
  const peer = await RawPeer.connect(port);
  peer.write(head([
    ...["POST /cgi-bin/lazy HTTP/1.1", `Host: localhost:${port}`, `Content-Length: ${size}`],
  ]));
  const memory = process.memoryUsage.rss();
  let written = 0;
  const sent = (async () => {
    for (; written < size; written += piece.length) {
      if (!peer.socket.write(piece)) {
        await new Promise<void>((resolve) => peer.socket.once("drain", resolve));
      }
    }
  })();
  await sleep(1000);
  assert(written < 64 * 1024 * 1024, `${written} bytes were taken from the client`);
  const grown = process.memoryUsage.rss() - memory;
  assert(grown < 128 * 1024 * 1024, `grew by ${grown} bytes while nobody read`);
  await writeFile(`${folder.path}/go`, "");
  await within(sent, "end of the body", 60_000);
  await until(() => peer.text.includes(`${size}\n`), "the count");
  peer.destroy();
});

cgiTest("heads without end, and floods of standard error, are bounded", {
  endless: "exec cat /dev/zero",
  lines: "while :; do echo 'X-A: b'; done",
  many: "i=0; while [ $i -lt 200 ]; do echo 'A: b'; i=$((i+1)); done; echo",
  stderr: "head -c 300000 /dev/zero | tr '\\0' x >&2; echo >&2; i=0; " +
    `while [ $i -lt 300 ]; do echo "line $i" >&2; i=$((i+1)); done; ${PLAIN}; echo done`,
}, async ({ get, server }) => {
  for (const name of ["endless", "lines", "many"]) {
    assertEquals((await within(get(name), "answer")).status, 502, name);
  }
  await server.sees(/endless failed: its head is longer than 16384 bytes/);
  await server.sees(/lines failed: its head is longer than 16384 bytes/);
  await server.sees(/many failed: it sends more than 100 fields/);
  assertEquals(await (await get("stderr")).text(), "done\n");
  await server.sees(/stderr: \(it writes more, which is not logged\)\n/);
  const lines = server.log.split("\n").filter((line) => line.includes("/cgi-bin/stderr: "));
  assertEquals(lines.length, 101);
  assert(lines.every((line) => line.length < 600));
});

cgiTest("standard error cannot forge a line of the log", {
  forge: "printf 'a\\rb\\033[2Jc\\n' >&2; exit 1",
}, async ({ get, server }) => {
  assertEquals((await get("forge")).status, 502);
  await server.sees(/warn {2}\/cgi-bin\/forge: a\\rb\\x1b\[2Jc\n/);
});

cgiTest("nothing runs but what is executable, inside, and in plain sight", {
  run: `${PLAIN}; echo "run $PATH_INFO"`,
  ".hidden": `${PLAIN}; echo hidden`,
  "sub/.dot/run": `${PLAIN}; echo hidden`,
}, async ({ port, folder, server, get }) => {
  const bin = `${folder.path}/cgi-bin`;
  await using outside = await makeFolder({ "evil": `#!/bin/sh\n${PLAIN}; echo evil` });
  await chmod(`${outside.path}/evil`, 0o755);
  await symlink(`${outside.path}/evil`, `${bin}/link`);
  await symlink(outside.path, `${bin}/folder`);
  await symlink(`${bin}/run`, `${bin}/same`);
  await mkdir(`${bin}/empty`);
  await writeFile(`${bin}/plain`, `#!/bin/sh\n${PLAIN}; echo plain`);
  await chmod(`${bin}/plain`, 0o644);
  await writeFile(`${folder.path}/beside`, `#!/bin/sh\n${PLAIN}; echo beside`);
  await chmod(`${folder.path}/beside`, 0o755);
  const hidden = [".hidden", "sub/.dot/run", "link", "folder/evil", "empty", "empty/", "", "plain"];
  const shell = ["run;id", "run%20x", "$(id)", "%60id%60", "run%7Cid", "-c", "%2d%2d", "run%0aid"];
  for (const target of [...hidden, ...shell, "x".repeat(300)]) {
    const { status, body } = await ask(port, `/cgi-bin/${target}`);
    assertEquals([target.includes("%0a") ? 400 : 404, /evil|hidden|uid/.test(body)], [
      status,
      false,
    ]);
  }
  for (const target of ["../beside", "%2e%2e/beside", "run%00", "..%2fbeside", "sub//run", "."]) {
    assertEquals((await ask(port, `/cgi-bin/${target}`)).status, 400, target);
  }
  await server.sees(/warn {2}\/cgi-bin\/plain is not run: its file is not executable\n/);
  assertEquals(await (await get("same")).text(), "run \n");
  // What follows a program is its own business; what is in it, too.
  assertEquals(await (await get("run/.x/$(id);y")).text(), "run /.x/$(id);y\n");
});

cgiTest("with --allow-outside links lead to programs anywhere", {
  near: PLAIN,
}, async ({ folder, get }) => {
  await using outside = await makeFolder({ "far": `#!/bin/sh\n${PLAIN}; pwd -P` });
  await chmod(`${outside.path}/far`, 0o755);
  await symlink(`${outside.path}/far`, `${folder.path}/cgi-bin/far`);
  assertEquals(await (await get("far")).text(), `${await realpath(outside.path)}\n`);
}, ...["--allow-outside", "--cgi-timeout", "20"]);

cgiTest("the sources of programs are no files of --root, wherever it is", {
  run: `${PLAIN}; echo ran`,
  "data.txt": "secret",
}, async ({ port, folder }) => {
  await symlink(`${folder.path}/cgi-bin/data.txt`, `${folder.path}/other.txt`);
  await symlink(`${folder.path}/cgi-bin`, `${folder.path}/bin`);
  assertMatch((await ask(port, "/cgi-bin/run")).body, /ran/);
  await chmod(`${folder.path}/cgi-bin/data.txt`, 0o644);
  for (const target of ["/cgi-bin/data.txt", "/other.txt", "/bin/run", "/bin/data.txt"]) {
    const { status, body } = await ask(port, target);
    assertEquals([status, /secret|bin\/sh/.test(body)], [404, false], target);
  }
}, ...["--root", "FOLDER"]);

cgiTest("a body whose length nobody knows is refused before a program runs", {
  eat: `echo ran > ../ran; cat > /dev/null; ${PLAIN}`,
}, async ({ port, folder }) => {
  const peer = await RawPeer.connect(port);
  peer.write(
    head([
      ...["POST /cgi-bin/eat HTTP/1.1", `Host: localhost:${port}`, "Transfer-Encoding: chunked"],
    ]) + "1\r\na\r\n0\r\n\r\n",
  );
  assertMatch(await peer.readHead(), /^HTTP\/1\.1 411 /);
  peer.destroy();
  assertEquals(await readFile(`${folder.path}/ran`, "utf8").catch(() => ""), "");
});

cgiTest("somebody who left the program's group cannot hold the answer open", {
  daemon: `setsid sleep 20 & until ps -o sid= -p $! | grep -q $!; do sleep 0.02; done; ` +
    `echo $! > ../daemon; ${PLAIN}; echo done`,
}, async ({ get, number }) => {
  if (spawnSync("setsid", ["true"]).status !== 0 || spawnSync("ps", []).status !== 0) return;
  const started = performance.now();
  assertEquals(await (await get("daemon")).text(), "done\n");
  assert(performance.now() - started < 15_000);
  process.kill(await number("daemon"), "SIGKILL");
});

cgiTest("many clients that come and go leave no process and no file behind", {
  a: `${PLAIN}; echo a`,
  b: "exit 1",
  c: `${PLAIN}; exec cat /dev/zero`,
  d: "exec sleep 300",
}, async ({ port, get }) => {
  const open = async () => {
    return (await readdir("/proc/self/fd").catch(() => [])).length;
  };
  const children = () =>
    spawnSync("pgrep", ["-P", String(process.pid), "-f", "cat /dev/zero|sleep 300"]).stdout
      ?.toString() ?? "";
  await (await get("a")).text();
  const before = await open();
  for (let round = 0; round < 5; round++) {
    const peers = await Promise.all(["a", "b", "c", "d", "c", "d"].map(async (name) => {
      const peer = await RawPeer.connect(port);
      peer.write(head([`GET /cgi-bin/${name} HTTP/1.1`, `Host: localhost:${port}`]));
      return peer;
    }));
    await sleep(20 * round);
    for (const peer of peers) peer.destroy();
  }
  await until(() => children() === "", "end of all programs");
  const deadline = performance.now() + 10_000;
  while (await open() > before + 1 && performance.now() < deadline) await sleep(50);
  assert(await open() <= before + 1, `${await open()} files are open, and were ${before}`);
  assertEquals(await (await get("a")).text(), "a\n");
}, ...["--cgi-max", "100"]);

test("the end of the server is the end of its programs", { skip }, async () => {
  await using folder = await makeFolder({
    "cgi-bin/wait": `#!/bin/sh\n${FOREVER}`,
    "h/x.js": "",
  });
  await chmod(`${folder.path}/cgi-bin/wait`, 0o755);
  const run = startCli(
    "serve",
    "--port",
    "0",
    "--cgi",
    `${folder.path}/cgi-bin`,
    `${folder.path}/h`,
  );
  const [, port] = await run.sees(/http:\/\/127\.0\.0\.1:(\d+)/);
  const peer = await RawPeer.connect(Number(port));
  peer.write(head(["GET /cgi-bin/wait HTTP/1.1", `Host: localhost:${port}`]));
  const pid = async (name: string) =>
    Number(await readFile(`${folder.path}/${name}`, "utf8").catch(() => ""));
  while (await pid("parent") === 0) await sleep(20);
  const pids = [await pid("parent"), await pid("child")];
  assert(pids.every(isAlive));
  run.signal("SIGTERM");
  await run.sees(/stopping/, "stderr");
  await sleep(400); // closer together they are one press
  run.signal("SIGTERM");
  assertEquals((await within(run.ended, "end")).status, 130);
  await until(() => !pids.some(isAlive), "end of the programs");
  peer.destroy();
});

test("what --cgi cannot use is one line", { skip }, async () => {
  await using folder = await makeFolder({
    "a/x": "",
    "b/a/x": "",
    "c d/x": "",
    ".e/x": "",
    "f": "",
  });
  const at = (name: string) => `${folder.path}/${name}`;
  const cases: [args: string[], status: number, message: RegExp][] = [
    [["--cgi", at("none")], 1, /Cannot use --cgi \S+: there is no such folder/],
    [["--cgi", at("f")], 1, /Cannot use --cgi \S+: it is no folder/],
    [["--cgi", at("a"), "--cgi", at("b/a")], 2, /--cgi: two folders are called "a"/],
    [["--cgi", at("c d")], 2, /--cgi: a folder called "c d" makes no path/],
    [["--cgi", at(".e")], 2, /--cgi: a folder called ".e" makes no path/],
    [["--cgi", at("b"), "--root", at("b/a")], 2, /--root must not be in --cgi/],
    [["--cgi", at("a"), "--root", at("a")], 2, /--root must not be in --cgi/],
    [["--cgi", at("a"), "--metrics", "/a/m"], 2, /--metrics must not be in \/a\//],
    [["--cgi-timeout", "1"], 2, /--cgi-timeout and --cgi-max need --cgi/],
    [["--cgi-max", "1"], 2, /--cgi-timeout and --cgi-max need --cgi/],
    [["--cgi", at("a"), "--cgi-timeout", "0"], 2, /--cgi-timeout must be a number from 0\.1 to/],
    [["--cgi", at("a"), "--cgi-max", "0"], 2, /--cgi-max must be a whole number from 1 to/],
  ];
  for (const [args, status, message] of cases) {
    let error = "";
    const io = {
      input: (async function* () {})(),
      outputIsTerminal: false,
      errorIsTerminal: false,
      write: () => Promise.resolve(true),
      writeError: (text: string) => void (error += text),
      stopInput() {},
      onInterrupt: () => () => {},
      exit() {},
    };
    assertEquals(
      await within(main(["serve", ...args, at("a")], io), "end"),
      status,
      args.join(" "),
    );
    assertMatch(error, message);
  }
});
