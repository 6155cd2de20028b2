import { test } from "node:test";
import { realpathSync } from "node:fs";
import { chmod, readFile } from "node:fs/promises";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { head, RawPeer } from "../../adapters/support/raw.ts";
import { RUNTIME } from "../../adapters/support/runtime.ts";
import { until } from "../../adapters/support/waiting.ts";
import { PLAIN, type Programs, servePrograms, skip } from "./cgi_rig.ts";
import { ask, upgrade } from "./http.ts";
import { makeFolder, startServe } from "./rig.ts";

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

test("no program runs unless --cgi says so", async () => {
  await using folder = await makeFolder({ "cgi-bin/a": "#!/bin/sh\necho", "h/x.js": "" });
  await using server = await startServe(`${folder.path}/h`);
  assertEquals((await ask(server.port, "/cgi-bin/a")).status, 404);
  assertEquals((await ask(server.port, "/cgi-bin/a", ["Content-Length: 0"], "POST")).status, 405);
  assert(!server.out.includes("programs"), server.out);
});

/** Variables that a shell adds of its own. */
const SHELLS_OWN = /^(PWD|OLDPWD|SHLVL|_)=/;

cgiTest(
  "a program gets its request by RFC 3875, and nothing of the server's environment",
  { "sub/env": `${PLAIN}; env; echo "args=$#"; echo "dir=$(pwd -P)"; cat` },
  async ({ server, port, folder, url }) => {
    assertMatch(server.out, /\n {2}programs {3}\/cgi-bin\/\n/);
    const answer = await fetch(url("sub/env/a%20b/%C3%BC/?x=%20&y"), {
      method: "POST",
      headers: {
        "Authorization": `Basic ${btoa("ann:1:2")}`,
        "Content-Type": "text/x",
        "X-Own": "o",
        "Proxy": "http://evil.example",
      },
      body: "the body",
    });
    assertEquals([answer.status, answer.headers.get("content-type")], [200, "text/plain"]);
    const text = await answer.text();
    assert(text.endsWith("\nthe body"), text);
    const lines = text.split("\n").slice(0, -1).filter((line) => !SHELLS_OWN.test(line));
    const seen = new Map(lines.map((line) => {
      const [name, ...value] = line.split("=");
      return [name, value.join("=")];
    }));
    assert(seen.get("PATH"), text);
    const sent = ["PATH", ...[...seen.keys()].filter((name) => name.startsWith("HTTP_"))];
    assertEquals(seen.get("HTTP_X_OWN"), "o");
    for (const name of ["HTTP_PROXY", "HTTP_AUTHORIZATION"]) assert(!seen.has(name), name);
    for (const name of sent) seen.delete(name);
    assertEquals(Object.fromEntries(seen), {
      AUTH_TYPE: "Basic",
      CONTENT_LENGTH: "8",
      CONTENT_TYPE: "text/x",
      GATEWAY_INTERFACE: "CGI/1.1",
      PATH_INFO: "/a b/ü/",
      PATH_TRANSLATED: `${realpathSync(`${folder.path}/handlers`)}/a b/ü/`,
      QUERY_STRING: "x=%20&y",
      REMOTE_ADDR: "127.0.0.1",
      REMOTE_HOST: "127.0.0.1",
      REMOTE_USER: "ann",
      REQUEST_METHOD: "POST",
      SCRIPT_NAME: "/cgi-bin/sub/env",
      SERVER_NAME: "127.0.0.1",
      SERVER_PORT: String(port),
      SERVER_PROTOCOL: "HTTP/1.1",
      SERVER_SOFTWARE: "fullduplex/0.1.0",
      args: "0",
      dir: realpathSync(`${folder.path}/cgi-bin/sub`),
    });
    assertEquals((await fetch(url("sub/env"))).status, 401, "who has no password gets nowhere");
    await server.sees(/info {2}127\.0\.0\.1 POST \/cgi-bin\/sub\/env\/a b\/ü\/ 200 \d+ B/);
  },
  ...["--basic-auth", "ann:1:2", "--root", "FOLDER/handlers"],
);

cgiTest("a program chooses the status, the fields and where to go", {
  status:
    "printf 'Status: 418 I am a pot\\r\\nContent-Type: a/b\\r\\nX-A: 1\\r\\nSet-Cookie: a=1\\r\\n" +
    "Set-Cookie: b=2\\r\\nConnection: upgrade\\r\\nContent-Length: 3\\r\\n\\r\\npot'",
  there: "printf 'Location: https://example.com/x#y\\n\\n'",
  other: "printf 'Status: 307 Go\\nLocation: /elsewhere\\nContent-Type: a/b\\n\\nthere'",
  none: "printf 'Status: 204 Nothing\\nContent-Length: 3\\n\\nxyz'",
  empty: "printf 'Status: 200\\n\\n'",
}, async ({ get }) => {
  const status = await get("status");
  assertEquals(status.status, 418);
  // Deno 2.9 says the usual words, whatever it is told.
  assertMatch(status.statusText, RUNTIME === "deno" ? /pot$/ : /^I am a pot$/);
  assertEquals(status.headers.getSetCookie(), ["a=1", "b=2"]);
  assertEquals(["x-a", "content-type", "content-length"].map((it) => status.headers.get(it)), [
    ...["1", "a/b", "3"],
  ]);
  assert(status.headers.get("connection") !== "upgrade");
  assertEquals(await status.text(), "pot");
  const there = await get("there");
  assertEquals([there.status, there.headers.get("location"), await there.text()], [
    ...[302, "https://example.com/x#y", ""],
  ]);
  const other = await get("other");
  assertEquals([other.status, other.headers.get("location"), await other.text()], [
    ...[307, "/elsewhere", "there"],
  ]);
  const none = await get("none");
  assertEquals([none.status, none.headers.get("content-length"), await none.text()], [
    ...[204, null, ""],
  ]);
  const empty = await get("empty");
  assertEquals([empty.status, await empty.text()], [200, ""]);
});

cgiTest("a local redirect is answered as the other target is, without the body", {
  to: "cat > /dev/null; printf 'Location: %s\\n\\n' \"$QUERY_STRING\"",
  show: `${PLAIN}; echo "$REQUEST_METHOD $PATH_INFO $QUERY_STRING [$CONTENT_LENGTH]"; cat`,
  loop: "echo x >> ../count; printf 'Location: /cgi-bin/loop\\n\\n'",
}, async ({ get, server, folder }) => {
  await folder.write({ "handlers/a b.txt": "a file" });
  const show = await get("to?/cgi-bin/show/p?q=1", { method: "POST", body: "body" });
  assertEquals(await show.text(), "GET /p q=1 []\n");
  assertEquals(await (await get("to?/a%20b.txt")).text(), "a file");
  assertEquals((await get("to?/a%20b.txt", { method: "HEAD" })).headers.get("content-length"), "6");
  assertEquals((await get("to?/h")).status, 426);
  assertEquals((await get("to?/nothing")).status, 404);
  for (const bad of ["//evil.example/", "/../x", "/%2e%2e/x", "/a%00"]) {
    const refused = await get(`to?${bad}`);
    assertEquals([refused.status, refused.headers.get("location")], [502, null], bad);
  }
  await server.sees(/error \/cgi-bin\/to failed: its Location is no path of this server\n/);
  assertEquals((await get("loop")).status, 502);
  await server.sees(/error \/cgi-bin\/loop failed: more than 10 local redirects\n/);
  assertEquals((await readFile(`${folder.path}/count`, "utf8")).length, 2 * 11);
}, ...["--root", "FOLDER/handlers"]);

cgiTest("HEAD runs the program, and the client gets only the head", {
  a: `echo "$REQUEST_METHOD" > ../method; ${PLAIN}; echo body`,
  b: "printf 'Content-Type: a/b\\nContent-Length: 4\\n\\nbody'",
  c: "printf 'Content-Type: a/b\\nContent-Length: 4\\n\\n'",
}, async ({ port, folder }) => {
  const peer = await RawPeer.connect(port);
  const line = (name: string) =>
    head([`HEAD /cgi-bin/${name} HTTP/1.1`, `Host: localhost:${port}`]);
  peer.write(line("a"));
  assertMatch(await peer.readHead(), /^HTTP\/1\.1 200 OK\r\ncontent-type: text\/plain\r\n/i);
  for (const name of ["b", "c"]) {
    peer.write(line(name));
    assertMatch(await peer.readHead(), /^HTTP\/1\.1 200 OK\r\n[^]*content-length: 4/i);
  }
  peer.write(line("none"));
  assertMatch(await peer.readHead(), /^HTTP\/1\.1 404 /); // no byte of a body in between
  peer.destroy();
  assertEquals(await readFile(`${folder.path}/method`, "utf8"), "HEAD\n");
});

cgiTest("both directions flow while the program runs", {
  talk: `${PLAIN}; while read -r line; do echo "got $line"; done`,
}, async ({ port }) => {
  const peer = await RawPeer.connect(port);
  peer.write(head([
    ...["POST /cgi-bin/talk HTTP/1.1", `Host: localhost:${port}`, "Content-Length: 8"],
  ]));
  assertMatch(await peer.readHead(), /^HTTP\/1\.1 200 /);
  for (const word of ["one", "two"]) {
    peer.write(`${word}\n`);
    await until(() => peer.text.includes(`got ${word}\n`), word);
  }
  await until(() => peer.text.endsWith("0\r\n\r\n"), "end of the chunks");
  peer.write(head(["GET /cgi-bin/none HTTP/1.1", `Host: localhost:${port}`]));
  await until(() => peer.text.includes("HTTP/1.1 404 "), "next answer of the connection");
  peer.destroy();
});

cgiTest("a program need not read its input, nor end when it has answered", {
  deaf: `exec < /dev/null; ${PLAIN}; echo heard nothing`,
  late: `${PLAIN}; echo done; exec > /dev/null 2>&1; sleep 0.5; echo $$ > ../late`,
}, async ({ get, number }) => {
  const deaf = await get("deaf", { method: "POST", body: new Uint8Array(1 << 20) });
  assertEquals(await deaf.text(), "heard nothing\n");
  assertEquals(await (await get("late")).text(), "done\n");
  assert(await number("late") > 0, "it was left alone after its answer");
});

cgiTest("what a program writes to standard error is logged, and what fails is one line", {
  fail: "echo 'oh no' >&2; exit 3",
  silent: "exit 0",
  half: "printf 'Content-Type: a/b'",
  shut: "exec >&-; sleep 60",
  notype: "printf 'Status: 200\\n\\nbody'",
  inject: "printf 'Content-Type: a/b\\nX: a\\rSet-Cookie: evil=1\\n\\nbody'",
  interpreter: "#!/no/such/interpreter\n",
  after: `${PLAIN}; echo fine; exit 7`,
}, async ({ get, server, folder }) => {
  const cases: [string, RegExp][] = [
    ["fail", /it ended with status 3/],
    ["silent", /it ended without a head/],
    ["half", /it ended without a head/],
    ["shut", /it closed its output without a head/],
    ["notype", /it sends a body without Content-Type/],
    ["inject", /it sends a line that is no header field/],
    ["interpreter", /it cannot be started: ENOENT/],
  ];
  for (const [name, why] of cases) {
    const answer = await get(name);
    assertEquals([answer.status, await answer.text()], [502, "The program failed\n"], name);
    assertEquals(answer.headers.get("set-cookie"), null);
    await server.sees(new RegExp(`error /cgi-bin/${name} failed: ${why.source}\n`));
    assertEquals(server.log.match(new RegExp(`error /cgi-bin/${name} `, "g"))?.length, 1);
  }
  await server.sees(/warn {2}\/cgi-bin\/fail: oh no\n/);
  assertEquals(await (await get("after")).text(), "fine\n");
  await server.sees(/warn {2}\/cgi-bin\/after: it ended with status 7\n/);
  assert(!server.log.includes(folder.path), "no path of the disk is logged");
});

cgiTest("a client never takes a part of an answer for the whole", {
  // What has not left when the connection is cut may be lost, so they give it time to.
  crash: `${PLAIN}; echo begun; sleep 0.3; kill -9 $$`,
  short: "printf 'Content-Type: a/b\\nContent-Length: 10\\n\\nbegun'; sleep 0.3",
  long: "printf 'Content-Type: a/b\\nContent-Length: 5\\n\\nbegunHTTP/1.1 200 Forged\\r\\n\\r\\n'",
}, async ({ port, server }) => {
  for (const name of ["crash", "short"]) {
    const answer = await ask(port, `/cgi-bin/${name}`);
    assertEquals(answer.status, 200);
    assertMatch(answer.body, /begun/);
    assert(!answer.body.includes("0\r\n\r\n"), "the last chunk is missing");
    await server.sees(new RegExp(`error /cgi-bin/${name} failed: it `));
  }
  const peer = await RawPeer.connect(port);
  peer.write(head(["GET /cgi-bin/long HTTP/1.1", `Host: localhost:${port}`]));
  await until(() => peer.text.endsWith("begun"), "body");
  peer.write(head(["GET /cgi-bin/none HTTP/1.1", `Host: localhost:${port}`]));
  await until(() => peer.text.includes("HTTP/1.1 404 "), "next answer");
  assert(!peer.text.includes("Forged"), peer.text);
  peer.destroy();
  await server.sees(/warn {2}\/cgi-bin\/long sends more than its Content-Length/);
});

test("several folders, and a configuration file, name programs", { skip }, async () => {
  await using folder = await makeFolder({
    "etc/serve.json": JSON.stringify({
      "cgi": ["../a/cgi-bin", "../b/htbin"],
      "dir": "../h",
      "port": 0,
    }),
    "a/cgi-bin/x": `#!/bin/sh\n${PLAIN}; echo a`,
    "b/htbin/x": `#!/bin/sh\n${PLAIN}; echo b`,
    "h/x.js": "",
  });
  for (const name of ["a/cgi-bin/x", "b/htbin/x"]) await chmod(`${folder.path}/${name}`, 0o755);
  await using server = await startServe("--config", `${folder.path}/etc/serve.json`);
  const url = `http://127.0.0.1:${server.port}`;
  assertEquals(await (await fetch(`${url}/cgi-bin/x`)).text(), "a\n");
  assertEquals(await (await fetch(`${url}/htbin/x`)).text(), "b\n");
  assertMatch(await upgrade(server.port, "/cgi-bin/x"), / 404 /);
});
