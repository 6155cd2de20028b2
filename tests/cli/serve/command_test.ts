import { test } from "node:test";
import net from "node:net";
import { existsSync, readFileSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connect, HandshakeError } from "../../../src/adapters/client.ts";
import { main } from "../../../src/cli/mod.ts";
import { Log, RotatingFile, showError } from "../../../src/cli/serve/log.ts";
import { SERVE_HELP, SERVE_OPTIONS } from "../../../src/cli/serve/options.ts";
import { RawPeer } from "../../adapters/support/raw.ts";
import { hasIpv6 } from "../../adapters/support/runtime.ts";
import { until, within } from "../../adapters/support/waiting.ts";
import { runCli, startCli } from "../spawn.ts";
import { ask, upgrade } from "./http.ts";
import { makeFolder, parseAnswer, startServe } from "./rig.ts";

const FIXTURES = fileURLToPath(new URL("../../fixtures/", import.meta.url));
const TLS = ["--cert", `${FIXTURES}cert.pem`, "--key", `${FIXTURES}key.pem`];

/** Runs `serve` to its end without a process. */
async function fails(...args: string[]): Promise<[status: number, error: string]> {
  let error = "";
  const status = await within(
    main(["serve", ...args], {
      input: (async function* () {})(),
      outputIsTerminal: false,
      errorIsTerminal: false,
      write: () => Promise.resolve(true),
      writeError: (text) => error += text,
      stopInput() {},
      onInterrupt: () => () => {},
      exit() {},
    }),
    `end of serve ${args.join(" ")}`,
    15_000,
  );
  return [status, error];
}

test("the help fits one screen and names every option", () => {
  const lines = SERVE_HELP.trimEnd().split("\n");
  assert(lines.length <= 34, `${lines.length} lines`);
  for (const line of lines) assert(line.length <= 80, line);
  const names = ["port", "hostname", "listen", "host", "origin", "basic-auth", "basic-auth-file"];
  names.push("cert", "key", "client-ca", "client-cert", "watch", "map", "scan", "root", "max-age");
  names.push(
    "allow-outside",
    "no-samples",
    "log",
    "log-max",
    "log-count",
    "log-level",
    "log-channels",
    "config",
  );
  names.push("cgi", "cgi-timeout", "cgi-max");
  names.push("backlog", "max-connections", "max-connections-per-address", "metrics", "legacy");
  assertEquals(names.sort(), Object.keys(SERVE_OPTIONS).sort());
  for (const name of names) {
    assertMatch(SERVE_HELP, new RegExp(`--${name}\\b`));
  }
});

test("wrong usage is one line and status 2", async () => {
  await using folder = await makeFolder({ "bad.json": "{", "list.json": "[]" });
  const config = async (text: string) => {
    await folder.write({ "config.json": text });
    return ["--config", `${folder.path}/config.json`];
  };
  const cases: [args: string[], message: RegExp][] = [
    [["--prot", "1"], /there is no option --prot/],
    [["a", "b"], /serve takes one folder, got "b" too/],
    [["--port", "70000"], /--port must be a whole number from 0 to 65535/],
    [["--listen", "nowhere"], /--listen must be HOST:PORT/],
    [["--listen", "unix:"], /path must have 1 to 103 bytes/],
    [["--hostname", ""], /--hostname must not be empty/],
    [["--host", "a b"], /--host must be a name/],
    [["--origin", "example.com"], /--origin: origins must hold serialized origins/],
    [["--origin", "same-origin", "--origin", "http://a"], /goes with no other/],
    [["--basic-auth", "ann"], /--basic-auth: it must be USER:PASSWORD/],
    [["--cert", "x"], /--cert and --key must be given together/],
    [["--client-ca", "x"], /need --cert and --key/],
    [[...TLS, "--client-cert", "required"], /--client-cert needs --client-ca/],
    [[...TLS, "--client-ca", "x", "--client-cert", "maybe"], /must be required or optional/],
    [["--log-level", "loud"], /--log-level must be error, warn, info, debug, got "loud"/],
    [["--log-max", "1"], /--log-max must be a whole number from 1024/],
    [["--metrics", "metrics"], /--metrics must be a path such as/],
    [["--log-channels", "connect,nope", folder.path], /--log-channels: [^\n]*nope/],
    [["--config", `${folder.path}/bad.json`], /bad\.json is no JSON/],
    [["--config", `${folder.path}/list.json`], /must be an object/],
    [await config('{"prot": 1}'), /"prot" is no option/],
  ];
  for (const [args, message] of cases) {
    const [status, error] = await fails(...args);
    assertEquals(status, 2, args.join(" "));
    assertMatch(error, message);
    assertMatch(error, /^fullduplex serve: [^\n]+; see fullduplex serve --help\n$/);
  }
  for (const [text, part] of [['{"watch": 1}', "true or false"], ['{"root": []}', "a text or"]]) {
    const [, error] = await fails(...await config(text));
    assertMatch(error, new RegExp(part));
  }
});

test("what cannot be used is one line and status 1", async () => {
  await using folder = await makeFolder({
    "file": "x",
    "map": "/a",
    "users": "ann\n",
    "h/a.js": "",
  });
  const at = (name: string) => `${folder.path}/${name}`;
  await using server = await startServe(folder.path);
  const cases: [args: string[], message: RegExp][] = [
    [[at("none")], /Cannot serve \S+none: there is no such folder/],
    [[at("file")], /Cannot serve \S+file: it is no folder/],
    [["--root", at("none"), at("h")], /Cannot use --root \S+: there is no such folder/],
    [["--scan", "none", at("h")], /Cannot use --scan none: there is no such folder/],
    [["--map", at("none"), at("h")], /Cannot read --map \S+: there is no such file/],
    [["--map", at("map"), at("h")], /Cannot use --map \S+: line 1 must be/],
    [["--basic-auth-file", at("users"), at("h")], /Cannot use --basic-auth-file \S+: it must be/],
    [["--config", at("none"), at("h")], /Cannot read --config \S+: there is no such file/],
    [
      ["--cert", at("file"), "--key", at("file"), at("h")],
      /Cannot use --cert \S+: there is no CERT/,
    ],
    [[...TLS, "--client-ca", at("none"), at("h")], /Cannot read --client-ca/],
    [["--log", at("none/x.log"), at("h")], /Cannot write --log \S+: /],
    [["--listen", `127.0.0.1:${server.port}`, at("h")], /Cannot listen on \S+: the port is in use/],
    [["--listen", `unix:${at("file")}`, at("h")], /there is a file, and it is no socket/],
    [["--listen", `unix:${at("none/x.sock")}`, at("h")], /Cannot listen on \S+none\/x\.sock: /],
  ];
  for (const [args, message] of cases) {
    const [status, error] = await fails(...args);
    assertEquals(status, 1, error || args.join(" "));
    assertMatch(error, message);
    assertMatch(error, /^fullduplex serve: [^\n]+\n$/);
  }
});

test("it listens on every host with every port, and on what --listen says", async () => {
  await using folder = await makeFolder();
  const hostnames = await hasIpv6() ? ["--hostname", "::1", "--hostname", "127.0.0.1"] : [];
  await using server = await startServe(
    ...["--port", "0", "--port", "0", "--listen", "127.0.0.1:0", ...hostnames, folder.path],
  );
  const urls = server.out.match(/http:\/\/\S+/g)!;
  assertEquals(urls.length, hostnames.length > 0 ? 5 : 3, server.out);
  for (const url of urls) {
    await using socket = await connect(`${url.replace("http", "ws")}/_samples/echo`);
    await socket.send(url);
    assertEquals((await socket[Symbol.asyncIterator]().next()).value, url);
  }
});

/** Asks over a Unix socket. */
function askUnix(path: string, lines: string[]): Promise<string> {
  return within(
    new Promise((resolve, reject) => {
      let text = "";
      const socket = net.connect({ path }, () => socket.write(`${lines.join("\r\n")}\r\n\r\n`));
      socket.on("data", (chunk) => text += new TextDecoder("latin1").decode(chunk));
      socket.on("error", reject);
      socket.on("close", () => resolve(text));
    }),
    "answer over the Unix socket",
  );
}

test("a Unix socket serves, is taken over when stale, and goes at the end", {
  skip: process.platform === "win32" && "Windows has no such sockets",
}, async () => {
  await using folder = await makeFolder();
  const path = `${folder.path}/s.sock`;
  const killed = startCli("serve", "--listen", `unix:${path}`, folder.path);
  await killed.sees(/listening/);
  killed.child.kill("SIGKILL");
  await killed.ended;
  assert(existsSync(path), "a process that dies leaves its socket behind");
  await using server = await startServe("--listen", `unix:${path}`, folder.path);
  assertMatch(server.out, new RegExp(`listening {2}unix:${path}\n`));
  const get = ["GET /_samples/console HTTP/1.1", "Host: any.example", "Connection: close"];
  assertEquals(parseAnswer(await askUnix(path, get)).status, 200);
  await server.sees(/info {2}unix GET \/_samples\/console 200/);
  const [status, error] = await fails("--listen", `unix:${path}`, folder.path);
  assertEquals(status, 1);
  assertMatch(error, /Cannot listen on \S+: the socket is in use\n$/);
  assertEquals(parseAnswer(await askUnix(path, get)).status, 200, "the first is not disturbed");
  assertEquals(await server.stop(), 0);
  assert(!existsSync(path));
});

test("the Host field of another name is refused, for HTTP and for WebSocket", async () => {
  await using folder = await makeFolder();
  await using local = await startServe(folder.path);
  assertEquals((await ask(local.port, "/", ["Host: evil.example"])).status, 421);
  assertMatch(await upgrade(local.port, "/_samples/echo", ["Host: evil.example"]), / 421 /);
  assertMatch(await upgrade(local.port, "/_samples/echo", ["Host: 127.0.0.1"]), / 101 /);
  await using named = await startServe("--host", "good.example", folder.path);
  assertMatch(await upgrade(named.port, "/_samples/echo", ["Host: good.example:80"]), / 101 /);
  assertMatch(await upgrade(named.port, "/_samples/echo"), / 421 /);
});

test("basic auth guards HTTP and WebSocket alike", async () => {
  await using folder = await makeFolder({ "users": "# two\nbob:2:3\n", "root/a.txt": "a" });
  await using server = await startServe(
    ...["--basic-auth", "ann:1", "--basic-auth-file", `${folder.path}/users`],
    ...["--root", `${folder.path}/root`, `${folder.path}/root`],
  );
  const { port } = server;
  const refused = await ask(port, "/a.txt");
  assertEquals(refused.status, 401);
  assertMatch(refused.headers.get("www-authenticate")!, /^Basic realm="fullduplex"/);
  assertMatch(await upgrade(port, "/_samples/echo"), / 401 [^]*\r\nwww-authenticate: Basic/i);
  for (const [user, status] of [["ann:1", 200], ["bob:2:3", 200], ["ann:2:3", 401]] as const) {
    const field = `Authorization: Basic ${btoa(user)}`;
    assertEquals((await ask(port, "/a.txt", [field])).status, status, user);
    const wanted = status === 200 ? / 101 / : / 401 /;
    assertMatch(await upgrade(port, "/_samples/echo", [field]), wanted, user);
  }
  const headers = { Authorization: `Basic ${btoa("ann:wrong")}` };
  const error = await assertRejects(
    () => connect(`ws://localhost:${port}/_samples/echo`, { headers }),
    HandshakeError,
  );
  assertEquals((error as HandshakeError).status, 401);
});

test("a configuration file gives the same options, relative to itself; arguments win", async () => {
  await using folder = await makeFolder({
    "etc/serve.json": JSON.stringify({
      "dir": "../handlers",
      "port": [0, 0],
      "root": "../root",
      "log-level": "warn",
      "max-age": 5,
      "no-samples": true,
      "watch": false,
    }),
    "handlers/h.js": "export default (s) => s.send('h');",
    "root/a.txt": "a",
  });
  const config = ["--config", `${folder.path}/etc/serve.json`];
  await using server = await startServe(...config);
  assertEquals(server.out.match(/http:\/\//g)?.length, 2);
  const { headers } = await ask(server.port, "/a.txt");
  assertEquals(headers.get("cache-control"), "max-age=5");
  assertMatch(await upgrade(server.port, "/h"), / 101 /);
  assertMatch(await upgrade(server.port, "/_samples/echo"), / 404 /);
  assertEquals(server.log, "", "info lines are not written");
  await using other = await startServe(...config, "--port", "0", "--log-level", "info");
  assertEquals(other.out.match(/http:\/\//g)?.length, 1);
  await ask(other.port, "/a.txt");
  await other.sees(/GET \/a\.txt 200/);
});

test("the log goes to a file that rotates, one line a request, with nothing to fake a line", async () => {
  await using folder = await makeFolder();
  const path = `${folder.path}/serve.log`;
  await using server = await startServe(
    ...["--log", path, "--log-max", "1024", "--log-count", "2", folder.path],
  );
  for (let i = 0; i < 40; i++) await ask(server.port, `/${i}?secret=1`);
  await ask(server.port, "/%0aforged");
  await using socket = await connect(`ws://localhost:${server.port}/_samples/echo`);
  await socket.send("hello");
  await socket.close(4000, "bye\n");
  await until(() => readFileSync(path, "utf8").includes("4000"), "the line of the connection");
  assertEquals(server.log, "");
  const names = (await readdir(folder.path)).sort();
  assertEquals(names, ["serve.log", "serve.log.1", "serve.log.2"]);
  const texts = await Promise.all(names.map((name) => readFile(`${folder.path}/${name}`, "utf8")));
  for (const text of texts) {
    assert(text.length <= 1024, `${text.length} bytes`);
    assert(!text.includes("secret"), "queries are not logged");
    for (const line of text.trimEnd().split("\n")) {
      assertMatch(
        line,
        /^\d{4}-\d\d-\d\dT[\d:.]{12}Z (info ) 127\.0\.0\.1 GET \/\S* \d{3} .* B \d+\.\d{3} s$/,
      );
    }
  }
  assertMatch(texts[0], /GET \/_samples\/echo 101 4000 "bye(\\n)?" \d+\/\d+ B/);
});

test("a line of the log stays a line, whatever is in it, and has an end", () => {
  const lines: string[] = [];
  const log = new Log((line) => lines.push(line), "warn");
  log.error("a\nb\x1b[2J");
  log.warn("x".repeat(5000));
  log.info("not written");
  log.error(showError(new TypeError("first\nsecond"), log));
  assertEquals(lines.length, 3);
  assertMatch(lines[0], /Z error a\\nb\\x1b\[2J\n$/);
  assert(lines[1].length < 1100);
  assertMatch(lines[2], /Z error TypeError: first\n$/);
});

test("a log file that cannot be written is told of once, and the lines are lost", async () => {
  await using folder = await makeFolder({ "x.log": "before\n" });
  const errors: unknown[] = [];
  const path = `${folder.path}/x.log`;
  const file = new RotatingFile(path, 20, 1, (error) => errors.push(error));
  file.write("first\n");
  assertEquals(await readFile(path, "utf8"), "before\nfirst\n");
  await folder.write({ "x.log.1/in/the/way": "" });
  file.write("much too long for the rest\n");
  file.write("and once more, also too long\n");
  assertEquals(errors.length, 1);
  file.close();
  await writeFile(path, "");
});

test("Ctrl-C closes every connection with 1001, as SIGTERM does", async () => {
  await using folder = await makeFolder({ "h.mjs": "export default { message() {} };" });
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const run = startCli("serve", "--port", "0", folder.path);
    const [, port] = await run.sees(/http:\/\/127\.0\.0\.1:(\d+)/);
    const sockets = [
      await connect(`ws://localhost:${port}/h`),
      await connect(`ws://localhost:${port}/_samples/echo`),
    ];
    run.signal(signal);
    for (const socket of sockets) {
      const { closeCode, reason, wasClean } = await socket.closed;
      assertEquals([closeCode, reason, wasClean], [1001, "the server stops", true]);
    }
    const { status, stderr } = await run.ended;
    assertEquals(status, 0);
    assertMatch(stderr, /stopping; 2 connections to close\n[^]*stopped\n$/);
  }
});

test("the program says what is wrong and ends", async () => {
  const { status, stdout, stderr } = await runCli(["serve", "/no/such/folder"]);
  assertEquals([status, stdout], [1, ""]);
  assertEquals(stderr, "fullduplex serve: Cannot serve /no/such/folder: there is no such folder\n");
});

test("--log-channels and --metrics tell what connections do", async () => {
  await using folder = await makeFolder();
  await using server = await startServe(
    ...["--log-channels", "connect,frameHeader", "--metrics", "/numbers", folder.path],
  );
  await using socket = await connect(`ws://localhost:${server.port}/_samples/echo`);
  await socket.send("hello");
  await server.sees(/Z connect [^\n]+\n/);
  await server.sees(/Z frameHeader [^\n]+ in: [^\n]+\n/);
  assert(!/Z messageHeader/.test(server.log), server.log);
  const { status, headers, body } = await ask(server.port, "/numbers");
  assertEquals(status, 200);
  assertMatch(headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
  assertMatch(body, /\nfullduplex_connections_open\{role="server"\} 1\n/);
});

test("--legacy speaks the versions before RFC 6455, which are refused without it", async () => {
  await using folder = await makeFolder();
  const hixie76 = async (port: number): Promise<string> => {
    const peer = await RawPeer.connect(port);
    peer.write(
      `GET /_samples/echo HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: Upgrade\r\n` +
        `Upgrade: WebSocket\r\nOrigin: http://localhost:${port}\r\n` +
        "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n" +
        "Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\r\n^n:ds[4U",
    );
    const answer = await peer.readHead();
    if (/ 101 /.test(answer)) {
      assertEquals(new TextDecoder("latin1").decode(await peer.readBytes(16)), "8jKS'y:G*Co,Wxa-");
    }
    peer.destroy();
    return answer;
  };
  await using without = await startServe(folder.path);
  assertMatch(await hixie76(without.port), /^HTTP\/1\.1 4\d\d /);
  await using server = await startServe("--legacy", folder.path);
  assertMatch(await hixie76(server.port), /^HTTP\/1\.1 101 /);
});

test("client certificates are asked for with --client-ca, and may be optional", async () => {
  await using folder = await makeFolder();
  const read = (name: string) => readFileSync(`${FIXTURES}${name}`, "utf8");
  const ca = read("cert.pem");
  const known = { ca, cert: read("client_cert.pem"), key: read("client_key.pem") };
  const flags = [...TLS, "--client-ca", `${FIXTURES}ca_cert.pem`];
  await using strict = await startServe(...flags, folder.path);
  const url = `wss://localhost:${strict.port}/_samples/echo`;
  assertMatch(strict.out, / with client certificates; Ctrl-C/);
  await (await connect(url, { tls: known })).close();
  await assertRejects(() => connect(url, { tls: { ca } }), HandshakeError);
  await strict.sees(/info {2}\S+ could not begin TLS: [^\n]+\n/);
  await using lenient = await startServe(...flags, "--client-cert", "optional", folder.path);
  for (const tls of [known, { ca }]) {
    await (await connect(`wss://localhost:${lenient.port}/_samples/echo`, { tls })).close();
  }
});
