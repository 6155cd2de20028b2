import { test } from "node:test";
import { rename, rm, symlink } from "node:fs/promises";
import process from "node:process";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connect, type ConnectOptions, HandshakeError } from "../../../src/adapters/client.ts";
import { CERT, RUNTIME } from "../../adapters/support/runtime.ts";
import { until } from "../../adapters/support/waiting.ts";
import { ask, upgrade } from "./http.ts";
import { makeFolder, type Served, startServe } from "./rig.ts";

/** A handler that answers with a word before what it got. */
const says = (word: string) => `
  export default async (socket) => {
    for await (const message of socket) {
      if (message === "fail") throw new Error("told to fail");
      await socket.send("${word} " + message);
    }
  };`;

/** Sends one message and gives what comes back. */
async function talk(
  port: number,
  path: string,
  message = "x",
  options: ConnectOptions = {},
): Promise<unknown> {
  await using socket = await connect(`ws://localhost:${port}${path}`, options);
  await socket.send(message);
  return (await socket[Symbol.asyncIterator]().next()).value;
}

async function refusal(port: number, path: string, options = {}): Promise<number> {
  const error = await assertRejects(
    () => connect(`ws://localhost:${port}${path}`, options),
    HandshakeError,
  );
  return (error as HandshakeError).status;
}

async function served(use: (server: Served) => Promise<void>, ...args: string[]): Promise<void> {
  await using server = await startServe(...args);
  await use(server);
}

test("each module is served at its path, with the options it exports", async () => {
  await using folder = await makeFolder({
    "chat.js": says("chat"),
    "a/b.mjs": says("deep"),
    "index.js": says("root"),
    "callbacks.js": `
      export default {
        message: (socket, data) => void socket.send(data),
        closing: (socket, { closeCode }) => ({ closeCode: closeCode + 1, reason: socket.protocol }),
      };
      export const protocols = ["one", "two"];
      export const compression = true;
      export const headers = { "X-Handler": "callbacks" };`,
    "guarded.js": `
      export const verify = (request) =>
        request.headers.has("x-key") ? undefined : new Response("no key", { status: 402 });
      export const origins = ["https://example.com"];
      async function guarded(socket) { await socket.send("in"); }
      export { guarded as default };`,
  });
  await served(async ({ port, out }) => {
    assertMatch(out, /handlers {3}\/a\/b \/callbacks \/chat \/guarded \/index\n/);
    assertEquals(await talk(port, "/chat"), "chat x");
    assertEquals(await talk(port, "/a/b?query=1"), "deep x");
    assertEquals(await talk(port, "/"), "root x");
    assertEquals(await talk(port, "/callbacks", "same"), "same");
    const deflated = await connect(`ws://localhost:${port}/callbacks`, {
      protocols: ["two", "one"],
      compression: true,
    });
    assertEquals(deflated.protocol, "two");
    assertMatch(deflated.extensions, /permessage-deflate/);
    assertEquals(await deflated.close(4000), { closeCode: 4001, reason: "two", wasClean: true });
    const plain = await connect(`ws://localhost:${port}/chat`, { compression: true });
    assertEquals(plain.extensions, "");
    await plain.close();
    assertMatch(await upgrade(port, "/callbacks"), /\r\nx-handler: callbacks/i);
    assertEquals(await refusal(port, "/guarded"), 402);
    const headers = { "X-Key": "1", "Origin": "https://example.com" };
    assertEquals(await talk(port, "/guarded", "x", { headers }), "in");
    headers.Origin = "https://other.example";
    assertEquals(await refusal(port, "/guarded", { headers }), 403);
    for (const path of ["/nope", "/chat/", "/chat.js", "/a", "/a/", "/Chat"]) {
      assertEquals(await refusal(port, path), 404, path);
    }
    assertEquals((await ask(port, "/chat")).status, 426);
  }, folder.path);
});

test("TypeScript is served where the runtime knows it, and told of in one line where not", async () => {
  await using folder = await makeFolder({
    "typed.ts": "export default async (s: { send(t: string): unknown }) => void await s.send('t');",
  });
  const node20 = RUNTIME === "node" && Number(process.versions.node.split(".")[0]) < 22;
  await served(async (server) => {
    if (!node20) return assertEquals(await talk(server.port, "/typed"), "t");
    assertMatch(
      server.log,
      /error \/typed cannot be loaded: \S+typed\.ts: this Node cannot [^\n]+\n/,
    );
    assertEquals(await refusal(server.port, "/typed"), 500);
  }, folder.path);
});

test("what is no handler is not run, or answered with 500, and the rest goes on", async () => {
  await using folder = await makeFolder({
    "good.js": says("good"),
    "script.js": "globalThis.fullduplexTestRan = true;",
    "broken.js": "\n\nexport default 3 +;",
    "throws.js": "throw new Error('at import'); export default () => {};",
    "number.js": "export default 3;",
    "typo.js": "export default { onmessage() {} };",
    "option.js": "export default () => {}; export const protocols = ['a b'];",
    "_private.js": "globalThis.fullduplexTestRan = true; export default () => {};",
    "a.test.js": "globalThis.fullduplexTestRan = true; export default () => {};",
    ".hidden/x.js": "globalThis.fullduplexTestRan = true; export default () => {};",
    "node_modules/x/index.js": "globalThis.fullduplexTestRan = true; export default () => {};",
  });
  await served(async (server) => {
    const { port, log, out } = server;
    assertMatch(out, /handlers {3}\/broken \/good \/number \/option \/throws \/typo\n/);
    assertEquals((globalThis as { fullduplexTestRan?: boolean }).fullduplexTestRan, undefined);
    const lines = log.trimEnd().split("\n").filter((line) => line.includes("cannot be loaded"));
    assertEquals(lines.length, 5, log);
    assertMatch(log, /\/broken cannot be loaded: \S+broken\.js: [^\n]+\n/);
    if (RUNTIME !== "node") assertMatch(log, /\/broken cannot be loaded: [^\n]+, line 3:\d+\n/);
    assertMatch(log, /\/throws cannot be loaded: \S+ at import\n/);
    assertMatch(log, /\/number cannot be loaded: [^\n]*got number\n/);
    assertMatch(log, /\/typo cannot be loaded: [^\n]*"onmessage"/);
    assertMatch(log, /\/option cannot be loaded: [^\n]*protocols/);
    for (const path of ["/broken", "/throws", "/number", "/typo", "/option"]) {
      assertEquals(await refusal(port, path), 500, path);
    }
    for (const path of ["/script", "/_private", "/a.test", "/.hidden/x", "/node_modules/x/"]) {
      assertEquals(await refusal(port, path), 404, path);
    }
    const socket = await connect(`ws://localhost:${port}/good`);
    await socket.send("fail");
    const { closeCode } = await socket.closed;
    assertEquals(closeCode, 1011);
    await server.sees(/error \/good failed: told to fail\n/);
    assertEquals(await talk(port, "/good"), "good x");
  }, folder.path);
});

test("with --watch new connections get the new module, and a broken edit keeps the old", async () => {
  await using folder = await makeFolder({ "word.js": says("old") });
  await served(
    async (server) => {
      const { port } = server;
      const running = await connect(`ws://localhost:${port}/word`);
      const heard = running[Symbol.asyncIterator]();
      await folder.write({ "word.js": says("new"), "more.js": says("more") });
      await server.sees(/info {2}\/word is loaded again\n/);
      assertEquals(await talk(port, "/word"), "new x");
      await running.send("x");
      assertEquals((await heard.next()).value, "old x");
      await running.close();

      await folder.write({ "word.js": "export default (" });
      await server.sees(/error \/word keeps its old handler: \S+word\.js: [^\n]+\n/);
      assertEquals(await talk(port, "/word"), "new x");
      await folder.write({ "word.js": "// nothing" });
      await server.sees(/keeps its old handler: \S+ has no default export\n/);
      assertEquals(await talk(port, "/word"), "new x");
      assertEquals(server.log.match(/keeps its old handler/g)?.length, 2);
      await folder.write({ "word.js": says("newest") });
      await until(() => server.log.split("/word is loaded again").length > 2, "the third", 15_000);
      assertEquals(await talk(port, "/word"), "newest x");

      assertEquals(await talk(port, "/more"), "more x");
      await rename(`${folder.path}/more.js`, `${folder.path}/less.js`);
      await server.sees(/info {2}\/more is gone\n/);
      assertEquals(await refusal(port, "/more"), 404);
      assertEquals(await talk(port, "/less"), "more x");
    },
    "--watch",
    folder.path,
  );
});

test("links out of the folder are followed only with --allow-outside", async () => {
  await using outside = await makeFolder({
    "secret.js": says("secret"),
    "in/deep.js": says("deep"),
  });
  await using folder = await makeFolder({ "own/inner.js": says("inner") });
  await symlink(`${outside.path}/secret.js`, `${folder.path}/link.js`);
  await symlink(`${outside.path}/in`, `${folder.path}/dir`);
  await symlink(`${folder.path}/own`, `${folder.path}/twin`);
  await symlink(`${folder.path}/own`, `${folder.path}/own/loop`);
  await symlink(`${folder.path}/nowhere.js`, `${folder.path}/dangling.js`);
  await served(async ({ port, log, out }) => {
    assertMatch(out, /handlers {3}\/own\/inner \/twin\/inner\n/, "no rounds through the loop");
    assertMatch(log, /warn {2}\S+link\.js leads out of the folder[^\n]+--allow-outside\n/);
    assertMatch(log, /warn {2}\S+dir leads out/);
    assertEquals(await refusal(port, "/link"), 404);
    assertEquals(await refusal(port, "/dir/deep"), 404);
    assertEquals(await talk(port, "/own/inner"), "inner x");
    assertEquals(await talk(port, "/twin/inner"), "inner x");
  }, folder.path);
  await rm(`${folder.path}/twin`);
  await served(
    async ({ port, log }) => {
      assert(!log.includes("leads out"), log);
      assertEquals(await talk(port, "/link"), "secret x");
      assertEquals(await talk(port, "/dir/deep"), "deep x");
    },
    "--allow-outside",
    folder.path,
  );
});

test("paths that climb or hide a separator are refused before any handler is looked for", async () => {
  await using folder = await makeFolder({ "a/b.js": says("b") });
  await served(async ({ port }) => {
    for (
      const target of ["/a/../a/b", "/a%2fb", "/a%2Fb", "/a\\b", "/a%5cb", "/a/%2e/b", "//a/b"]
    ) {
      assertMatch(await upgrade(port, target), /^HTTP\/1\.1 400 /, target);
    }
    assertMatch(await upgrade(port, "/a/b%00"), /^HTTP\/1\.1 400 /);
    assertMatch(await upgrade(port, "/a/b"), /^HTTP\/1\.1 101 /);
    assertMatch(await upgrade(port, "http://localhost/a/b"), /^HTTP\/1\.1 101 /);
    assertMatch(await upgrade(port, "http://evil.example/a/b"), /^HTTP\/1\.1 421 /);
  }, folder.path);
});

test("a map file gives handlers and samples other names", async () => {
  await using folder = await makeFolder({
    "h/chat.js": says("chat"),
    "map": "# old names\n/old/chat /chat\n/echo /_samples/echo\n/lost /nowhere\n",
  });
  await served(
    async ({ port, log }) => {
      assertMatch(log, /warn {2}the alias \/lost leads nowhere: there is no handler \/nowhere\n/);
      assert(!log.includes("/echo leads"), log);
      assertEquals(await talk(port, "/old/chat"), "chat x");
      assertEquals(await talk(port, "/echo"), "x");
      assertEquals(await refusal(port, "/lost"), 404);
    },
    "--map",
    `${folder.path}/map`,
    `${folder.path}/h`,
  );
});

test("--scan looks at a part of the folder, and paths stay those of the whole", async () => {
  await using folder = await makeFolder({ "a/in.js": says("in"), "b/out.js": says("out") });
  await served(
    async ({ port }) => {
      assertEquals(await talk(port, "/a/in"), "in x");
      assertEquals(await refusal(port, "/b/out"), 404);
    },
    "--scan",
    "a",
    folder.path,
  );
});

test("a page of another origin is refused unless --origin lets it in", async () => {
  await using folder = await makeFolder({ "h.js": says("h") });
  const from = (Origin: string) => ({ headers: { Origin } });
  await served(async (server) => {
    const { port } = server;
    assertEquals(await refusal(port, "/h", from("https://evil.example")), 403);
    await server.sees(/GET \/h 403 for the origin https:\/\/evil\.example \(see --origin\)/);
    assertEquals(await talk(port, "/h", "x", from(`http://localhost:${port}`)), "h x");
  }, folder.path);
  await served(
    async ({ port }) => {
      assertEquals(await talk(port, "/h", "x", from("https://good.example")), "h x");
      assertEquals(await refusal(port, "/h", from(`http://localhost:${port}`)), 403);
    },
    "--origin",
    "https://good.example",
    folder.path,
  );
  await served(
    async ({ port }) => {
      assertEquals(await talk(port, "/h", "x", from("https://any.example")), "h x");
    },
    "--origin",
    "*",
    folder.path,
  );
});

test("handlers are served over TLS", async () => {
  await using folder = await makeFolder({ "h.js": says("h") });
  const fixtures = new URL("../../fixtures/", import.meta.url).pathname;
  await served(
    async ({ port, out }) => {
      assertMatch(out, /https:\/\/127\.0\.0\.1:\d+/);
      await using socket = await connect(`wss://localhost:${port}/h`, { tls: { ca: CERT } });
      await socket.send("x");
      assertEquals((await socket[Symbol.asyncIterator]().next()).value, "h x");
      assertMatch((await ask(port, "/h", [], "GET", true)).body, /WebSocket only/);
    },
    "--cert",
    `${fixtures}cert.pem`,
    "--key",
    `${fixtures}key.pem`,
    folder.path,
  );
});
