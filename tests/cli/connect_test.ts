import { test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { serve, type Server } from "../../src/adapters/serve.ts";
import type { WebSocketConnection } from "../../src/api/connection.ts";
import { runCli, startCli } from "./spawn.ts";

async function withServer(
  handler: (socket: WebSocketConnection) => Promise<void>,
  use: (url: string, server: Server) => Promise<void>,
): Promise<void> {
  const server = await serve(handler, {
    port: 0,
    protocols: ["chat"],
    verify: (request) =>
      request.url.endsWith("/private") ? new Response("no\nentry", { status: 403 }) : undefined,
  });
  try {
    await use(server.url, server);
  } finally {
    await server.close();
  }
}

async function echo(socket: WebSocketConnection): Promise<void> {
  for await (const message of socket) await socket.send(message);
}

test("piped lines are sent, answers printed, and the end of the input closes", async () => {
  await withServer(echo, async (url) => {
    const input = "one\r\n\nünï 🎉\nlast without a line break";
    const { status, stdout, stderr } = await runCli(["connect", url], input);
    assertEquals(stdout, "one\n\nünï 🎉\nlast without a line break\n");
    assertEquals(stderr, `connected to ${url}/\nclosed: 1000, clean\n`);
    assertEquals(status, 0);
  });
});

test("a long input comes back whole and in order", async () => {
  await withServer(echo, async (url) => {
    let input = "";
    for (let i = 0; i < 20_000; i++) input += `line ${i} ${"x".repeat(i % 100)}\n`;
    input += "y".repeat(1_000_000) + "\n";
    const { status, stdout } = await runCli(["connect", url], input);
    assertEquals(status, 0);
    assert(stdout === input, `${stdout.length} of ${input.length} characters came back`);
  });
});

test("an answer that comes late is waited for as long as --wait says", async () => {
  const late = async (socket: WebSocketConnection) => {
    for await (const message of socket) {
      await new Promise((resolve) => setTimeout(resolve, 700));
      await socket.send(message).catch(() => {});
    }
  };
  await withServer(late, async (url) => {
    const patient = await runCli(["connect", "--wait", "3", url], "hello\n");
    assertEquals([patient.status, patient.stdout], [0, "hello\n"]);
    const hasty = await runCli(["connect", "--wait=0", url], "hello\n");
    assertEquals([hasty.status, hasty.stdout], [0, ""]);
  });
});

test("a server that is slow to read is waited for", async () => {
  const slow = async (socket: WebSocketConnection) => {
    socket.pause();
    setTimeout(() => socket.resume(), 900);
    await echo(socket);
  };
  await withServer(slow, async (url) => {
    const { status, stdout } = await runCli(["connect", url], "hello\n");
    assertEquals([status, stdout], [0, "hello\n"]);
  });
});

test("binary messages are printed in hexadecimal, text as it is", async () => {
  const talk = async (socket: WebSocketConnection) => {
    await socket.send(new Uint8Array([0, 1, 0xab, 0xff]));
    await socket.send("\x1b[1mbold\x1b[0m");
    await socket.close(3000, "that's all");
  };
  await withServer(talk, async (url) => {
    const { status, stdout, stderr } = await runCli(["connect", url]);
    assertEquals([status, stdout], [0, "0001abff\n\x1b[1mbold\x1b[0m\n"]);
    assertMatch(stderr, /\nclosed: 3000 "that's all", clean\n$/);
  });
});

test("header fields and subprotocols are sent", async () => {
  const show = async (socket: WebSocketConnection) => {
    const { headers } = socket.request!;
    await socket.send(`${headers.get("x-one")}, ${headers.get("authorization")}`);
    await socket.send(socket.protocol);
    await socket.close();
  };
  await withServer(show, async (url) => {
    const fields = ["-H", "X-One: 1:2", "--header", "Authorization:Bearer abc"];
    const protocols = ["--protocol", "other", "--protocol=chat"];
    const { status, stdout, stderr } = await runCli(["connect", ...fields, ...protocols, url]);
    assertEquals([status, stdout], [0, "1:2, Bearer abc\nchat\n"]);
    assertMatch(stderr, /^connected to \S+, protocol chat\n/);
  });
});

test("a connection that is lost is told on one line, with status 1", async () => {
  const cut = async (socket: WebSocketConnection) => {
    await socket.send("last words");
    await socket.ping();
    socket.terminate();
  };
  await withServer(cut, async (url) => {
    const run = startCli("connect", url); // its input stays open
    const { status, stdout, stderr } = await run.ended;
    assertEquals([status, stdout], [1, "last words\n"]);
    assertMatch(stderr, /\nclosed: 1006, not clean \([^\n]+\)\n$/);
  });
});

test("no connection is one line on standard error, and status 1, or 3 when refused", async () => {
  await withServer(echo, async (url, server) => {
    const refused = await runCli(["connect", `${url}/private`]);
    assertEquals(
      [refused.status, refused.stdout, refused.stderr],
      [3, "", "fullduplex connect: Cannot connect: the server answered 403: no\\nentry\n"],
    );
    await server.close();
    const gone = await runCli(["connect", url]);
    assertEquals([gone.status, gone.stdout], [1, ""]);
    assertMatch(gone.stderr, /^fullduplex connect: Cannot connect to 127\.0\.0\.1:\d+: [^\n]+\n$/);
  });
  const nowhere = await runCli(["connect", "ws://no.such.host.invalid/"]);
  assertEquals([nowhere.status, nowhere.stdout], [1, ""]);
  assertMatch(nowhere.stderr, /^fullduplex connect: Cannot connect to no\.such[^\n]+\n$/);
});

test("Ctrl-C closes with 1000, and a server that closes ends the waiting for input", async () => {
  let ended: unknown;
  const wait = async (socket: WebSocketConnection) => {
    socket.closed.then((info) => ended = [info.closeCode, info.wasClean]);
    for await (const message of socket) if (message === "go") await socket.close(4000);
  };
  await withServer(wait, async (url) => {
    const interrupted = startCli("connect", url);
    await interrupted.sees(/connected/, "stderr");
    interrupted.signal("SIGINT");
    assertEquals((await interrupted.ended).status, 0);
    assertEquals(ended, [1000, true]);

    const closed = startCli("connect", url);
    closed.child.stdin!.write("go\n");
    const { status, stderr } = await closed.ended;
    assertEquals(status, 0);
    assertMatch(stderr, /\nclosed: 4000, clean\n$/);
  });
});

test("a reader that has had enough ends the connection without a word", async () => {
  const flood = async (socket: WebSocketConnection) => {
    while (socket.readyState === 1) {
      await socket.send("again ".repeat(100));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  await withServer(flood, async (url) => {
    const run = startCli("connect", url);
    await run.sees(/again/);
    run.child.stdout!.destroy();
    const { status, stderr } = await run.ended;
    assertEquals(stderr, `connected to ${url}/\nclosed: 1000, clean\n`);
    assertEquals(status, 0);
  });
});
