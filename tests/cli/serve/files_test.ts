import { test } from "node:test";
import { readdirSync } from "node:fs";
import { readFile, symlink, truncate } from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { head, RawPeer } from "../../adapters/support/raw.ts";
import { sleep, until } from "../../adapters/support/waiting.ts";
import { ask } from "./http.ts";
import { makeFolder, type Served, startServe } from "./rig.ts";

async function served(
  files: Record<string, string | Uint8Array>,
  use: (server: Served, root: string) => Promise<void>,
  ...args: string[]
): Promise<void> {
  await using folder = await makeFolder({ "handlers/x.js": "export default () => {};" });
  await folder.write(Object.fromEntries(
    Object.entries(files).map(([name, content]) => [`root/${name}`, content]),
  ));
  await using server = await startServe(
    ...["--root", `${folder.path}/root`, ...args, `${folder.path}/handlers`],
  );
  await use(server, `${folder.path}/root`);
}

const SITE = {
  "index.html": "<!doctype html><title>home</title>",
  "sub/index.html": "sub",
  "empty/no.txt": "no",
  "style.css": "a{}",
  "data.bin": "0123456789",
  "sub/ü mlaut.txt": "ü",
  "zero.txt": "",
  ".secret": "s",
  ".git/config": "s",
  "x": "a file without an end",
};

test("files are served with their types, and folders by their index", async () => {
  await served(SITE, async ({ port, sees }) => {
    const home = await ask(port, "/");
    assertEquals([home.status, home.body], [200, SITE["index.html"]]);
    assertEquals(home.headers.get("content-type"), "text/html; charset=utf-8");
    assertEquals(home.headers.get("cache-control"), "no-cache");
    assertEquals(home.headers.get("x-content-type-options"), "nosniff");
    assertMatch(home.headers.get("etag")!, /^"[0-9a-z]+-[0-9a-z]+"$/);
    assertEquals(
      (await ask(port, "/style.css")).headers.get("content-type"),
      "text/css; charset=utf-8",
    );
    assertEquals(
      (await ask(port, "/data.bin")).headers.get("content-type"),
      "application/octet-stream",
    );
    assertEquals((await ask(port, "/sub/")).body, "sub");
    const redirect = await ask(port, "/sub?a=b");
    assertEquals([redirect.status, redirect.headers.get("location")], [301, "./sub/?a=b"]);
    assertEquals((await ask(port, "/sub/%C3%BC%20mlaut.txt")).status, 200);
    const zero = await ask(port, "/zero.txt");
    assertEquals([zero.status, zero.headers.get("content-length"), zero.body], [200, "0", ""]);
    assertEquals((await ask(port, "/x")).body, SITE.x, "a file goes before the 426 of a handler");
    await sees(/info {2}127\.0\.0\.1 GET \/style\.css 200 3 B 0\.\d{3} s\n/);

    const top = await ask(port, "/", [], "HEAD");
    assertEquals([top.status, top.body, top.headers.get("content-length")], [
      200,
      "",
      String(SITE["index.html"].length),
    ]);
    const posted = await ask(port, "/", ["Content-Length: 0"], "POST");
    assertEquals([posted.status, posted.headers.get("allow")], [405, "GET, HEAD"]);
  });
});

test("there are no listings, no dotfiles, and no way out", async () => {
  await served(SITE, async ({ port }, root) => {
    await using outside = await makeFolder({ "passwd": "secret", "deep/x.txt": "secret" });
    await symlink(`${outside.path}/passwd`, `${root}/passwd`);
    await symlink(`${outside.path}/deep`, `${root}/deep`);
    await symlink(`${outside.path}/passwd`, `${root}/empty/index.html`);
    await symlink(`${root}/style.css`, `${root}/same.css`);
    const hidden = ["/empty/", "/empty", "/.secret", "/.git/config", "/passwd", "/deep/x.txt"];
    for (const target of [...hidden, "/index.html/", "/nope", "/sub/nope"]) {
      const { status, body } = await ask(port, target);
      assertEquals([status, body.includes("secret")], [404, false], target);
    }
    for (
      const target of [
        "/../handlers/x.js",
        "/%2e%2e/handlers/x.js",
        "/sub/..%2f..%2fhandlers%2fx.js",
      ]
    ) {
      assertEquals((await ask(port, target)).status, 400, target);
    }
    assertEquals((await ask(port, "/same.css")).body, "a{}");
  });
});

test("with --allow-outside links lead anywhere", async () => {
  await served(SITE, async ({ port }, root) => {
    await using outside = await makeFolder({ "a.txt": "outside" });
    await symlink(`${outside.path}/a.txt`, `${root}/a.txt`);
    assertEquals((await ask(port, "/a.txt")).body, "outside");
  }, "--allow-outside");
});

test("keys, passwords, logs and the configuration are not served, wherever they lie", async () => {
  const files = {
    ...SITE,
    "users.7": "ann:1",
    "serve.json": "{}",
    "log.txt": "",
    "log.txt.1": "old",
  };
  await using folder = await makeFolder(files);
  const { path } = folder;
  await using server = await startServe(
    ...["--root", path, "--basic-auth-file", `${path}/users.7`, "--log", `${path}/log.txt`],
    ...["--config", `${path}/serve.json`, "--port", "0", `${path}/sub`],
  );
  const fields = [`Authorization: Basic ${btoa("ann:1")}`];
  for (const target of ["/users.7", "/serve.json", "/log.txt", "/log.txt.1"]) {
    assertEquals((await ask(server.port, target, fields)).status, 404, target);
  }
  assertEquals((await ask(server.port, "/style.css", fields)).status, 200);
  const log = await readFile(`${path}/log.txt`, "utf8");
  assertMatch(log, /warn {2}the sources of the handlers are files of --root, and served\n/);
});

test("conditional and range requests are answered as RFC 9110 says", async () => {
  await served(SITE, async ({ port, sees }) => {
    const { headers } = await ask(port, "/data.bin");
    const etag = headers.get("etag")!, modified = headers.get("last-modified")!;
    const same = await ask(port, "/data.bin", [`If-None-Match: ${etag}`]);
    assertEquals([same.status, same.body, same.headers.get("etag")], [304, "", etag]);
    assertEquals((await ask(port, "/data.bin", [`If-Modified-Since: ${modified}`])).status, 304);
    assertEquals((await ask(port, "/data.bin", ['If-None-Match: "other"'])).status, 200);
    assertEquals((await ask(port, "/data.bin", ['If-Match: "other"'])).status, 412);

    const cases: [string, number, string, string | null][] = [
      ["bytes=2-4", 206, "234", "bytes 2-4/10"],
      ["bytes=-2", 206, "89", "bytes 8-9/10"],
      ["bytes=7-", 206, "789", "bytes 7-9/10"],
      ["bytes=10-", 416, "", "bytes */10"],
      ["bytes=0-1,4-5", 200, "0123456789", null],
    ];
    for (const [range, status, body, contentRange] of cases) {
      const answer = await ask(port, "/data.bin", [`Range: ${range}`]);
      assertEquals(
        [answer.status, answer.body, answer.headers.get("content-range")],
        [status, body, contentRange],
      );
      assertEquals(answer.headers.get("content-length"), String(body.length));
    }
    const fresh = await ask(port, "/data.bin", ["Range: bytes=0-0", `If-Range: ${etag}`]);
    assertEquals([fresh.status, fresh.body], [206, "0"]);
    const stale = await ask(port, "/data.bin", ["Range: bytes=0-0", 'If-Range: "old"']);
    assertEquals([stale.status, stale.body], [200, "0123456789"]);
    assertEquals((await ask(port, "/data.bin", ["Range: bytes=0-0"], "HEAD")).status, 200);
    await sees(/GET \/data\.bin 206 3 B/);
  });
});

test("--max-age lets others keep files", async () => {
  await served(
    SITE,
    async ({ port }) => {
      assertEquals((await ask(port, "/")).headers.get("cache-control"), "max-age=60");
    },
    "--max-age",
    "60",
  );
});

/** The files that this process has open, where the system tells. */
function openFiles(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return 0;
  }
}

for (const secure of [false, true]) {
  const over = secure ? "TLS" : "TCP";
  test(`a large file to a slow reader over ${over} stays on the disk, and is closed`, async () => {
    const fixtures = fileURLToPath(new URL("../../fixtures/", import.meta.url));
    const tls = secure ? ["--cert", `${fixtures}cert.pem`, "--key", `${fixtures}key.pem`] : [];
    await served({ "large.bin": "" }, async ({ port, sees }, root) => {
      await truncate(`${root}/large.bin`, 1024 ** 3); // sparse: it takes no room
      const before = openFiles();
      const memory = process.memoryUsage.rss();
      const peer = await RawPeer.connect(port, { secure });
      peer.write(head(["GET /large.bin HTTP/1.1", `Host: localhost:${port}`]));
      await until(() => peer.size > 0, "first bytes");
      peer.pause();
      await sleep(1000);
      const held = peer.size;
      await sleep(1000);
      const grown = process.memoryUsage.rss() - memory;
      assert(grown < 128 * 1024 * 1024, `grew by ${grown} bytes while nobody read`);
      assert(held < 64 * 1024 * 1024, `${held} bytes came to a reader that does not read`);
      peer.resume();
      await until(() => peer.size > held + 1024 * 1024, "more, when it reads again");
      peer.destroy();
      const [, sent] = await sees(/GET \/large\.bin 200 (\d+) B/);
      assert(Number(sent) < 64 * 1024 * 1024, `${sent} bytes were taken from the file`);
      await until(() => openFiles() <= before, "the file to be closed");
    }, ...tls);
  });
}
