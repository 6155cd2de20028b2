import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { existsSync, readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import net from "node:net";
import { fileURLToPath } from "node:url";
import { connect, type ConnectOptions, HandshakeError } from "../../../src/adapters/client.ts";
import { serve, type ServeOptions, type Server } from "../../../src/adapters/serve.ts";
import type { Handler } from "../../../src/api/handler.ts";
import { INSPECT_HELP } from "../../../src/cli/inspect/command.ts";
import { encodeFrame } from "../../support/wire.ts";
import { type CliRun, runCli, startCli } from "../spawn.ts";
import { withFolder } from "../surroundings.ts";

const ECHO: Handler = { message: (socket, data) => void socket.send(data) };

interface Inspected {
  server: Server;
  run: CliRun;
  url: string;
}

/** Runs `inspect` in front of a server. */
async function inspected(
  use: (all: Inspected) => Promise<void>,
  args: string[] = [],
  options: ServeOptions = {},
  handler: Handler = ECHO,
): Promise<void> {
  const server = await serve(handler, { port: 0, onError: () => {}, ...options });
  const run = startCli("inspect", "--port", "0", ...args, server.url);
  try {
    const [, url] = await run.sees(/listening on (\S+) for/, "stderr");
    await use({ server, run, url });
    run.signal("SIGINT");
    assertEquals((await run.ended).status, 0);
  } finally {
    run.child.kill("SIGKILL");
    await server.close();
  }
}

/** Sends messages through, waits for their echoes, and leaves. */
async function talk(url: string, messages: string[], options: ConnectOptions = {}): Promise<void> {
  const socket = await connect(url, options);
  const echoes = socket[Symbol.asyncIterator]();
  for (const message of messages) {
    await socket.send(message);
    assertEquals((await echoes.next()).value, message);
  }
  await socket.close(4001, "bye");
}

test("every frame of both directions is shown, with the heads before and the end after", async () => {
  await inspected(async ({ run, url }) => {
    await talk(`${url}chat?x=1`, ["hello", "ünï\n"]);
    await run.sees(/#1 over/);
    const lines = run.stdout.trimEnd().split("\n").map((line) => line.replace(/^ *[\d.]+ {2}/, ""));
    assertEquals(lines, [
      "#1 → GET /chat?x=1 HTTP/1.1",
      "#1 ← HTTP/1.1 101 Switching Protocols",
      '#1 → text         5 B fin masked  "hello"',
      '#1 ← text         5 B fin  "hello"',
      '#1 → text         6 B fin masked  "ünï\\n"',
      '#1 ← text         6 B fin  "ünï\\n"',
      '#1 → close        5 B fin masked  4001 (the application\'s own)  "bye"',
      '#1 ← close        5 B fin  4001 (the application\'s own)  "bye"',
      "#1 over",
    ]);
  });
});

test("the server sees its own Host, its own path and its own origin", async () => {
  const seen: string[] = [];
  const options: ServeOptions = {
    verify: ({ url, headers }) => void seen.push(`${url} ${headers.get("origin")}`),
  };
  await inspected(
    async ({ server, url }) => {
      const own = url.replace("ws:", "http:").slice(0, -1);
      await talk(url, [], { headers: { Origin: own } });
      await talk(`${url}b`, [], { headers: { Origin: "https://other.example" } });
      const target = server.url.replace("ws:", "http:");
      assertEquals(seen, [`${target}/ ${target}`, `${target}/b https://other.example`]);
    },
    [],
    options,
  );
});

for (const contextTakeover of [false, true]) {
  const which = contextTakeover ? "with" : "without";
  test(`compressed messages are shown inflated, ${which} context takeover`, async () => {
    const compression = { thresholdBytes: 0, contextTakeover };
    await inspected(
      async ({ run, url }) => {
        const texts = [
          "again and again and again",
          "again and again and again",
          "x".repeat(200_000),
        ];
        await talk(url, texts, { compression });
        await run.sees(/#1 over/);
        const shown = run.stdout.split("\n").filter((line) => line.includes("rsv1"));
        assertEquals(shown.length, 6, run.stdout);
        for (const [i, line] of shown.entries()) {
          const text = texts[i >> 1];
          assertMatch(line, new RegExp(`= ${text.length} B "${text.slice(0, 25)}`));
          assert(!line.includes("!"), line);
        }
      },
      [],
      { compression },
    );
  });
}

test("a large message passes whole, and a client that does not read holds the server back", async () => {
  let sent = 0;
  const flood: Handler = async (socket) => {
    for await (const _ of socket) {
      for (let i = 0; i < 400; i++, sent++) await socket.send(new Uint8Array(100_000));
      break;
    }
    await socket.closed;
  };
  await inspected(
    async ({ url }) => {
      const socket = await connect(url, { pingIntervalMs: 0 });
      await socket.send("go");
      socket.pause();
      let last = -1;
      while (sent !== last) { // until nothing moves any more
        last = sent;
        await new Promise((resolve) => setTimeout(resolve, 700));
      }
      assert(sent > 0 && sent < 350, `${sent} of 400 were sent to a client that does not read`);
      socket.resume();
      let came = 0;
      for await (const message of socket) {
        came += message.length;
        if (came === 40_000_000) break;
      }
      assertEquals(came, 40_000_000);
      await socket.close();
    },
    [],
    { pingIntervalMs: 0 },
    flood,
  );
});

test("what breaks the rules is passed on, shown and named", async () => {
  await inspected(async ({ run, url }) => {
    const { port } = new URL(url);
    const socket = net.connect(Number(port), "127.0.0.1");
    socket.on("error", () => {});
    socket.resume();
    socket.write(
      "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    );
    // In the same write as the request: shown when the response is there.
    socket.write(encodeFrame({ opcode: 3, payload: "what?" }));
    await run.sees(/→ 0x3 +5 B fin {2}7768\w+ {2}! reserved opcode, not masked\n/);
    await run.sees(/← close +\d+ B fin {2}1002 \(protocol error\)/);
    socket.destroy();
    await run.sees(/#1 over/);

    const cut = net.connect(Number(port), "127.0.0.1", () => {
      cut.write(
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
      );
    });
    cut.on("error", () => {});
    cut.on("data", () => {
      cut.write(Uint8Array.of(0x81, 0x85, 1, 2));
      setTimeout(() => cut.destroy(), 50);
    });
    await run.sees(/#2 over: in the middle of a frame of the client\n/);
  });
});

test("--json prints an object for each event", async () => {
  await inspected(async ({ run, url }) => {
    await talk(url, ["hi"]);
    await run.sees(/"event":"end"/);
    const events = run.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    assertEquals(events.map(({ event }) => event), [
      ...["request", "response", "frame", "frame", "frame", "frame", "end"],
    ]);
    const { from, type, length, head, masked, faults } = events[2];
    assertEquals([from, type, length, head, masked, faults], [
      "client",
      "text",
      2,
      "6869",
      true,
      [],
    ]);
    assertEquals([events[4].closeCode, events[4].closeMeaning], [4001, "the application's own"]);
    assertMatch(events[1].head, /^HTTP\/1\.1 101 [^]*Sec-WebSocket-Accept/i);
  }, ["--json"]);
});

test("a refusal passes, and a server that is not there is a 502", async () => {
  const options: ServeOptions = { verify: () => new Response("no entry", { status: 403 }) };
  await inspected(
    async ({ run, url }) => {
      const error = await assertRejects(() => connect(url), HandshakeError);
      assertEquals([error.status, error.body], [403, "no entry"]);
      await run.sees(/← HTTP\/1\.1 403 /);
    },
    [],
    options,
  );

  const run = startCli("inspect", "--port", "0", "ws://127.0.0.1:1/");
  const [, url] = await run.sees(/listening on (\S+) for/, "stderr");
  const error = await assertRejects(() => connect(url), HandshakeError);
  assertEquals(error.status, 502);
  await run.sees(/#1 over: cannot connect to 127\.0\.0\.1:1: /);
  run.signal("SIGINT");
  assertEquals((await run.ended).status, 0);
});

test("a record can be replayed, to the same answers", async () => {
  await withFolder(async (folder) => {
    const file = `${folder}/record.jsonl`;
    const compression = { thresholdBytes: 0 };
    await inspected(
      async ({ url }) => {
        await talk(url, ["one", "two ".repeat(4_000)], { compression });
        await talk(`${url}b`, ["three"]);
      },
      ["--record", file],
      { compression },
    );
    const recorded = (await readFile(file, "utf8")).trimEnd().split("\n").map((line) =>
      JSON.parse(line)
    );
    assertEquals(recorded[0].format, "fullduplex-inspect");
    assertEquals(recorded.filter(({ e }) => e === "open").length, 2);

    const received: (string | Uint8Array)[] = [];
    const handler: Handler = {
      message(socket, data) {
        received.push(data);
        void socket.send(data);
      },
    };
    const server = await serve(handler, { port: 0, compression });
    try {
      const { status, stdout } = await runCli([
        "inspect",
        "--replay",
        file,
        "--speed",
        "0",
        server.url,
      ]);
      assertEquals(status, 0, stdout);
      assertEquals(received, ["one", "two ".repeat(4_000), "three"]);
      assertMatch(stdout, /#1 ← text .*= 16000 B "two two/);
      assertMatch(stdout, /#2 ← text +5 B fin {2}"three"\n/);
      assertMatch(stdout, /#2 → GET \/b HTTP\/1\.1\n/);
    } finally {
      await server.close();
    }
  });
});

test("a replay keeps the recorded pauses, and tells when nobody accepts it", async () => {
  await withFolder(async (folder) => {
    const file = `${folder}/record.jsonl`;
    const head = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    const frame = { c: 1, e: "frame", from: "client", opcode: 1, fin: true, masked: true };
    await writeFile(
      file,
      [
        { format: "fullduplex-inspect", version: 1, url: "ws://x/" },
        { t: 0, c: 1, e: "open", head },
        { t: 10, ...frame, payload: btoa("a") },
        { t: 1210, ...frame, payload: btoa("b") },
      ].map((line) => JSON.stringify(line)).join("\n"),
    );
    const moments: number[] = [];
    const handler: Handler = { message: () => void moments.push(performance.now()) };
    const server = await serve(handler, { port: 0 });
    try {
      const args = ["inspect", "--replay", file, "--speed", "2", "--wait", "0.1", server.url];
      assertEquals((await runCli(args)).status, 0);
      const pause = moments[1] - moments[0];
      assert(pause > 450 && pause < 10_000, `${pause} ms between them`);
    } finally {
      await server.close();
    }
    const nobody = await runCli(["inspect", "--replay", file, "ws://127.0.0.1:1/"]);
    assertEquals(nobody.status, 1);
    assertMatch(nobody.stdout, /#1 over: cannot connect to 127\.0\.0\.1:1: /);
  });
});

test("a record that cannot be written ends the record, and nothing else", {
  skip: existsSync("/dev/full") ? false : "there is no /dev/full here",
}, async () => {
  await inspected(async ({ run, url }) => {
    await run.sees(/cannot record: .*(ENOSPC|[Nn]o space left)/, "stderr");
    await talk(url, ["hello"]);
    await run.sees(/← text +5 B fin {2}"hello"/);
    assertEquals(run.stderr.match(/cannot record/g)?.length, 1);
  }, ["--record", "/dev/full"]);
});

test("a target with TLS is reached with its own certificate authority, and not without", async () => {
  const fixture = (name: string) =>
    fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));
  const tls = {
    cert: readFileSync(fixture("cert.pem"), "utf8"),
    key: readFileSync(fixture("key.pem"), "utf8"),
  };
  const server = await serve(ECHO, { port: 0, tls, hostname: "127.0.0.1" });
  try {
    const target = `wss://localhost:${server.port}/`;
    const cases: [string[], boolean][] = [
      [["--ca", fixture("cert.pem")], true],
      [["-k"], true],
      [[], false],
    ];
    for (const [flags, works] of cases) {
      const run = startCli("inspect", "--port", "0", ...flags, target);
      const [, url] = await run.sees(/listening on (\S+) for/, "stderr");
      if (works) await talk(url, ["secret"]);
      else await assertRejects(() => connect(url), HandshakeError);
      run.signal("SIGINT");
      assertEquals((await run.ended).status, 0);
    }
  } finally {
    await server.close();
  }
});

test("wrong usage is one line and status 2; what cannot be had is status 1", async () => {
  const url = "ws://127.0.0.1:1/";
  const wrong: [string[], RegExp, number][] = [
    [[], /takes one URL, got 0/, 2],
    [["nonsense"], /the URL is not an absolute URL/, 2],
    [["ftp://example.com/"], /the URL must have the scheme ws or wss/, 2],
    [["--port", "70000", url], /--port must be a whole number from 0 to 65535/, 2],
    [["--loud", url], /there is no option --loud/, 2],
    [["--replay", "/nowhere.jsonl", url], /cannot replay \/nowhere\.jsonl: .*ENOENT/, 1],
    [["--replay", "/dev/null", url], /cannot replay \/dev\/null: it is empty/, 1],
    [["--ca", "/nowhere.pem", url], /nowhere\.pem/, 1],
  ];
  for (const [args, message, expected] of wrong) {
    const { status, stdout, stderr } = await runCli(["inspect", ...args]);
    assertEquals([status, stdout], [expected, ""], `${args}: ${stderr}`);
    assertMatch(stderr, message);
    assertEquals(stderr.split("\n").length, 2, stderr);
  }
  await withFolder(async (folder) => {
    for (const text of ["{}\n", "not json\n", '{"format":"fullduplex-inspect","version":2}\n']) {
      await writeFile(`${folder}/record`, text);
      const { status, stderr } = await runCli(["inspect", "--replay", `${folder}/record`, url]);
      assertEquals(status, 1);
      assertMatch(stderr, /: it is no record of inspect\n$/);
    }
    await writeFile(
      `${folder}/record`,
      '{"format":"fullduplex-inspect","version":1}\n{"t":"soon"}\n',
    );
    const { status, stderr } = await runCli(["inspect", "--replay", `${folder}/record`, url]);
    assertEquals(status, 1);
    assertMatch(stderr, /: line 2 is not of a record\n$/);
  });
});

test("the help fits one screen and has examples", async () => {
  const { status, stdout } = await runCli(["inspect", "--help"]);
  assertEquals([status, stdout], [0, INSPECT_HELP]);
  const lines = stdout.split("\n");
  assert(lines.length <= 40, `${lines.length} lines`);
  for (const line of lines) assert(line.length <= 88, line);
  assertMatch(stdout, /\nExamples:\n {2}fullduplex inspect /);
});
