/** How many `serve` lets in, and what a full disk costs it. */
import { test } from "node:test";
import net from "node:net";
import { existsSync } from "node:fs";
import process from "node:process";
import { assertEquals, assertMatch } from "@std/assert";
import { connect } from "../../../src/adapters/client.ts";
import { RawPeer, requestLines } from "../../adapters/support/raw.ts";
import { RUNTIME } from "../../adapters/support/runtime.ts";
import { sleep, within } from "../../adapters/support/waiting.ts";
import { startCli } from "../spawn.ts";
import { ask, upgrade } from "./http.ts";
import { makeFolder, startServe } from "./rig.ts";

test("--backlog is how many may wait to be accepted", {
  // Bun 1.4 listens with 512, whatever it is told.
  skip: process.platform !== "linux" || RUNTIME === "bun" ? "not here" : false,
}, async () => {
  await using folder = await makeFolder();
  const counts: number[] = [];
  for (const backlog of ["2", "50"]) {
    const run = startCli("serve", "--port", "0", "--backlog", backlog, folder.path);
    const [, port] = await run.sees(/http:\/\/127\.0\.0\.1:(\d+)/);
    process.kill(run.child.pid!, "SIGSTOP"); // it accepts nobody
    const sockets = Array.from({ length: 20 }, () => net.connect(Number(port), "127.0.0.1"));
    let connected = 0;
    for (const socket of sockets) {
      socket.on("connect", () => connected++).on("error", () => {});
    }
    await sleep(500);
    counts.push(connected);
    process.kill(run.child.pid!, "SIGCONT");
    for (const socket of sockets) socket.destroy();
    run.signal("SIGTERM");
    assertEquals((await within(run.ended, "end")).status, 0);
  }
  assertEquals(counts, [3, 20]); // Linux takes one more than it is told
});

test("a disk that is full costs the log, and is told of once", {
  skip: !existsSync("/dev/full") && "there is no /dev/full here",
}, async () => {
  await using folder = await makeFolder();
  await using server = await startServe("--log", "/dev/full", folder.path);
  for (let i = 0; i < 3; i++) {
    assertEquals((await ask(server.port, "/_samples/console")).status, 200);
  }
  await (await connect(`ws://localhost:${server.port}/_samples/echo`)).close();
  await server.sees(/cannot write the log: .*(ENOSPC|[Nn]o space left)/);
  assertEquals(server.log.match(/cannot write/g)?.length, 1, server.log);
});

test("--max-connections and --max-connections-per-address refuse one more, and count down", async () => {
  await using folder = await makeFolder();
  const fields = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"];
  fields.push("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==");
  for (
    const [option, status] of [["--max-connections", 503], [
      "--max-connections-per-address",
      429,
    ]] as const
  ) {
    await using server = await startServe(option, "1", folder.path);
    const path = "/_samples/echo_noext";
    const socket = await connect(`ws://localhost:${server.port}${path}`);
    const refused = await ask(server.port, path, fields);
    assertEquals([refused.status, refused.headers.get("retry-after")], [status, "10"]);
    const nothing = await ask(server.port, "/none", fields);
    assertEquals(nothing.status, 404); // which takes no place
    await socket.close();
    await server.sees(/echo_noext 101 1000/);
    await (await connect(`ws://localhost:${server.port}${path}`)).close();
  }
});

test("a handshake that comes to nothing gives its place back", async () => {
  await using folder = await makeFolder({
    "slow.mjs": "export const verify = () => new Promise((r) => setTimeout(r, 300));\n" +
      "export default () => {};",
  });
  await using server = await startServe("--max-connections", "1", folder.path);
  const { port } = server;
  for (let i = 0; i < 3; i++) {
    assertMatch(await upgrade(port, "/_samples/origin_check"), / 403 /); // by the handler
    assertMatch(await upgrade(port, "/_samples/echo", ["Origin: http://evil.example"]), / 403 /);
    assertEquals(await upgrade(port, "/_samples/abort_handshake"), "");
    assertMatch(await upgrade(port, "/_samples/echo", ["Sec-WebSocket-Key: x"]), / 400 /);
    const leaver = await RawPeer.connect(port);
    leaver.write(
      [...requestLines("/slow", `localhost:${port}`), "", ""].join("\r\n"),
    );
    await sleep(50);
    assertMatch(await upgrade(port, "/_samples/echo"), / 503 /, "the place is taken");
    leaver.destroy();
    await server.sees(new RegExp(`(GET /slow [^\n]*\n[^]*){${i + 1}}`));
  }
  assertMatch(await upgrade(port, "/_samples/echo"), / 101 /);
});
