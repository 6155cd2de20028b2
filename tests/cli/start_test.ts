import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connect, HandshakeError } from "../../src/adapters/client.ts";
import { runCli, startServer } from "./spawn.ts";
import { PATIENCE } from "../support/patience.ts";

const CERT = fileURLToPath(new URL("../fixtures/cert.pem", import.meta.url));
const KEY = fileURLToPath(new URL("../fixtures/key.pem", import.meta.url));

test("start prints its addresses and serves /echo, /chat, /time and the page", async () => {
  const server = await startServer();
  const { port } = server;
  for (const path of ["/echo", "/chat", "/time"]) {
    assertMatch(server.stdout, new RegExp(`^ {2}ws://localhost:${port}${path} `, "m"));
  }
  assertMatch(server.stdout, new RegExp(`^ {2}http://localhost:${port}/ `, "m"));

  const base = `ws://127.0.0.1:${port}`;
  const echo = await connect(`${base}/echo?x=1`, { protocols: ["a", "b"] });
  assertEquals(echo.protocol, "a");
  const answers = echo[Symbol.asyncIterator]();
  echo.send("héllo");
  echo.send(new Uint8Array([1, 2, 3]));
  assertEquals((await answers.next()).value, "héllo");
  assertEquals((await answers.next()).value, new Uint8Array([1, 2, 3]));

  const ann = await connect(`${base}/chat?name=ann`);
  const bob = await connect(`${base}/chat`);
  const [annHears, bobHears] = [ann[Symbol.asyncIterator](), bob[Symbol.asyncIterator]()];
  ann.send("hello");
  assertEquals((await annHears.next()).value, "ann: hello");
  assertEquals((await bobHears.next()).value, "ann: hello");
  bob.send("hi");
  assertEquals((await annHears.next()).value, "hi");

  const time = await connect(`${base}/time`);
  const ticks = time[Symbol.asyncIterator]();
  const [first, second] = [await ticks.next(), await ticks.next()];
  const apart = Date.parse(second.value as string) - Date.parse(first.value as string);
  assert(apart > 800 && apart < 5000, `${apart} ms apart`);

  const page = await fetch(`http://127.0.0.1:${port}/`);
  assertEquals(page.status, 200);
  assertMatch(page.headers.get("content-security-policy")!, /^default-src 'none'; script-src 'sha/);
  assertMatch(await page.text(), /<title>fullduplex console<\/title>/);
  for (const [path, status] of [["/nope", 404], ["/echo", 426]] as const) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    await response.text();
    assertEquals(response.status, status);
  }
  const posted = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "x" });
  await posted.text();
  assertEquals([posted.status, posted.headers.get("allow")], [405, "GET, HEAD"]);

  const refused = await assertRejects(() => connect(`${base}/no%0Ape`), HandshakeError);
  assertEquals((refused as HandshakeError).status, 404);

  await echo.close(4001, "bye\x1b[2J");
  bob.terminate();
  await server.sees(/#3 closed/);
  server.signal("SIGINT");
  const { closeCode, wasClean } = await ann.closed;
  assertEquals([closeCode, wasClean], [1001, true]);
  const { status, stdout, stderr } = await server.ended;
  assertEquals([status, stderr], [0, ""]);
  const log = stdout.replace(/^\d\d:\d\d:\d\d /gm, "");
  assertMatch(log, /^#1 opened 127\.0\.0\.1 \/echo, protocol a$/m);
  assertMatch(log, /^#1 closed 4001 "bye\\x1b\[2J", clean, 2 messages and 9 bytes received$/m);
  assertMatch(log, /^#2 opened 127\.0\.0\.1 \/chat, no protocol$/m);
  assertMatch(log, /^#3 closed 1006, not clean, 1 message and 2 bytes received \(.+\)$/m);
  assertMatch(log, /^refused \/no%0Ape: 404$/m);
  assertMatch(log, /^stopping; 2 connections to close$/m);
  assertMatch(log, /^stopped$/m);
});

test("a second Ctrl-C stops at once, though a peer does not answer the close", async () => {
  const server = await startServer();
  const socket = await connect(`ws://127.0.0.1:${server.port}/echo`);
  socket.pause(); // so that it never sees the close frame
  server.signal("SIGINT");
  await server.sees(/stopping; 1 connection/);
  await new Promise((resolve) => setTimeout(resolve, 400));
  const started = performance.now();
  server.signal("SIGINT");
  const { status } = await server.ended;
  assertEquals(status, 130);
  assert(performance.now() - started < 5000 * PATIENCE);
  socket.terminate();
});

test("a Ctrl-C that arrives twice, as under deno task, is one", async () => {
  const server = await startServer();
  const socket = await connect(`ws://127.0.0.1:${server.port}/echo`);
  socket.pause(); // so that the server is still there for the second
  server.signal("SIGINT");
  await server.sees(/stopping; 1 connection/);
  server.signal("SIGINT");
  setTimeout(() => socket.resume(), 200);
  assertEquals((await socket.closed).closeCode, 1001);
  assertEquals((await server.ended).status, 0);
});

test("what keeps start from listening is one line and status 1", async () => {
  const server = await startServer();
  const { port } = server;
  const busy = await runCli(["start", "--port", String(port)]);
  assertEquals(
    [busy.status, busy.stdout, busy.stderr],
    [1, "", `fullduplex start: Cannot listen on 127.0.0.1:${port}: the port is in use\n`],
  );
  server.signal("SIGTERM");
  assertEquals((await server.ended).status, 0);

  const cases: [cert: string, key: string, message: RegExp][] = [
    [`${CERT}.none`, KEY, /^fullduplex start: Cannot read --cert [^\n]*no such file\n$/],
    [KEY, KEY, /^fullduplex start: Cannot use --cert [^\n]*no CERTIFICATE[^\n]*\n$/],
    [CERT, CERT, /^fullduplex start: Cannot use --key [^\n]*no PRIVATE KEY[^\n]*\n$/],
  ];
  for (const [cert, key, message] of cases) {
    const run = await runCli(["start", "--port=0", "--cert", cert, "--key", key]);
    assertEquals([run.status, run.stdout], [1, ""]);
    assertMatch(run.stderr, message);
  }
});

test("start serves wss: with a certificate, which connect checks unless told not to", async () => {
  const server = await startServer("--cert", CERT, "--key", KEY);
  const url = `wss://localhost:${server.port}/echo`;
  const refused = await runCli(["connect", url], "hello\n");
  assertEquals([refused.status, refused.stdout], [1, ""]);
  assertMatch(refused.stderr, /^fullduplex connect: [^\n]* certificate[^\n]*\n$/);
  const accepted = await runCli(["connect", "--insecure", url], "hello\n");
  assertEquals([accepted.status, accepted.stdout], [0, "hello\n"]);
  server.signal("SIGINT");
  assertEquals((await server.ended).status, 0);
});
