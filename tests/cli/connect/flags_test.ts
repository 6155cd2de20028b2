import { test } from "node:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { WebSocketConnection } from "../../../src/api/connection.ts";
import {
  CA,
  PASSPHRASE,
  SERVER_CERT,
  SERVER_KEY,
  SERVER_NAME,
} from "../../adapters/client/support/fixtures.ts";
import { runCli, startCli } from "../spawn.ts";
import { echo, withListener, withServer } from "./rig.ts";

/** The path of a fixture. */
function fixture(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));
}

const CERT = fixture("cert.pem");
const KEY = fixture("key.pem");

/** Makes a folder while a test runs. */
async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "fullduplex-"));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The events that `--json` printed. */
function events(stdout: string): Record<string, unknown>[] {
  return stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
}

test("-m sends messages instead of the input, in order, and closes", async () => {
  await withServer(echo, async (url) => {
    const run = startCli("connect", "-m", "one", "--message", "two\nlines", url); // its input stays open
    const { status, stdout } = await run.ended;
    assertEquals([status, stdout], [0, "one\ntwo\nlines\n"]);
    const hex = await runCli(["connect", "--hex", "-m", "00 ff", "-m", "", url]);
    assertEquals([hex.status, hex.stdout], [0, "00ff\n\n"]);
  });
});

test("--count closes after so many messages, and fewer are a failure", async () => {
  const late = async (socket: WebSocketConnection) => {
    await new Promise((resolve) => setTimeout(resolve, 600));
    for (let n = 1; socket.readyState === 1 && n <= 3; n++) await socket.send(`${n}`);
    await socket.close(4000);
  };
  await withServer(late, async (url) => {
    const two = await runCli(["connect", "--count", "2", url]);
    assertEquals([two.status, two.stdout], [0, "1\n2\n"]);
    const four = await runCli(["connect", "--count", "4", url]);
    assertEquals([four.status, four.stdout], [1, "1\n2\n3\n"]);
    assertMatch(four.stderr, /closed: 4000, clean\nfullduplex connect: 3 messages of 4 came\n$/);
  });
});

test("lines go out as binary with --binary and --hex, and binary is shown as a dump", async () => {
  await withServer(echo, async (url) => {
    const bytes = await runCli(["connect", "--binary", url], "é\n");
    assertEquals([bytes.status, bytes.stdout], [0, "c3a9\n"]);
    const hex = await runCli(["connect", "--hex", "--hexdump", url], "00FF 41\n" + "20".repeat(17));
    assertEquals(
      hex.stdout,
      "00000000  00 ff 41                                          |..A|\n" +
        `00000000  ${"20 ".repeat(8)} ${"20 ".repeat(8)} |${" ".repeat(16)}|\n` +
        `00000010  20${" ".repeat(48)}| |\n`,
    );
    const bad = await runCli(["connect", "--hex", url], "00\n0\n11\n");
    assertEquals([bad.status, bad.stdout], [2, ""]);
    assertMatch(
      bad.stderr,
      /\nfullduplex connect: line 2 must be hexadecimal, .*got "0"\nclosed: /,
    );
  });
});

test("--file sends a file as one binary message, and --output writes messages as they are", async () => {
  await inFolder(async (folder) => {
    const [source, target] = [join(folder, "source"), join(folder, "target")];
    const big = new Uint8Array(20_000_000).map((_, i) => i * 7 + (i >> 8)); // above maxMessageBytes
    writeFileSync(source, big);
    writeFileSync(target, "what was there before");
    const relay = async (socket: WebSocketConnection) => {
      for await (const message of socket.messages()) await socket.send(message.body);
    };
    await withServer(relay, async (url) => {
      const run = await runCli(["connect", "--file", source, "--count", "1", "-o", target, url]);
      assertEquals([run.status, run.stdout], [0, ""], run.stderr);
      const written = readFileSync(target);
      assert(Buffer.compare(written, big) === 0, `${written.length} bytes came back`);

      const none = await runCli(["connect", "--file", join(folder, "none"), url]);
      assertEquals(none.status, 1);
      assertMatch(
        none.stderr,
        /\nfullduplex connect: Cannot send \S+none: there is no such file\n/,
      );
    });
    const gone = await runCli(["connect", "-o", target, "ws://127.0.0.1:1"]);
    assertEquals(gone.status, 1);
    assertEquals(readFileSync(target).length, big.length, "it was emptied for nothing");
    const folderAsked = await runCli(["connect", "-o", folder, "ws://127.0.0.1:1"]);
    assertMatch(folderAsked.stderr, /^fullduplex connect: Cannot write --output \S+: [^\n]+\n$/);
  });
});

test("--json prints an object a line for everything that happens", async () => {
  const talk = async (socket: WebSocketConnection) => {
    await socket.send("\x1b[2J\x9b\u202eé");
    await socket.send(new Uint8Array([0, 255]));
    await socket.ping("are you there");
    await socket.close(4001, "bye");
  };
  await withServer(talk, async (url) => {
    const { status, stdout, stderr } = await startCli("connect", "--json", url).ended;
    assertEquals([status, stderr], [0, ""]);
    // deno-lint-ignore no-control-regex -- control characters are the point
    assert(!/[\x1b\x9b\u202e]/.test(stdout));
    assertEquals(events(stdout), [
      { event: "open", url: `${url}/`, protocol: "", extensions: "" },
      { event: "message", type: "text", bytes: 11, data: "\x1b[2J\x9b\u202eé" },
      { event: "message", type: "binary", bytes: 2, base64: "AP8=" },
      { event: "ping", bytes: 13, base64: "YXJlIHlvdSB0aGVyZQ==" },
      { event: "close", code: 4001, reason: "bye", clean: true },
    ]);
  });
  await withServer(echo, async (url) => {
    const refused = await runCli(["connect", "--json", url]);
    assertEquals(refused.status, 3);
    const [{ event, code, status, body }] = events(refused.stdout);
    assertEquals([event, code, status, body], ["error", "WS_HANDSHAKE_REFUSED", 401, "who?"]);
    assertMatch(refused.stderr, /^fullduplex connect: [^\n]* 401: who\?\n$/);
  }, { verify: () => new Response("who?", { status: 401 }) });
});

test("--ping-once prints a round trip, and --ping sends pings", async () => {
  let pings = 0;
  const handler = {
    message: () => {},
    ping: () => {
      pings++;
    },
  };
  await withServer(handler, async (url) => {
    const once = await runCli(["connect", "--ping-once", url]);
    assertEquals(once.status, 0);
    assertMatch(once.stdout, /^\d+\.\d\d\n$/);
    pings = 0;
    const often = startCli("connect", "--ping", "0.1", "--json", url);
    await often.sees(/("pong"[^]*){3}/);
    assert(pings >= 3, `${pings} pings`);
    often.signal("SIGINT");
    assertEquals((await often.ended).status, 0);
  });
});

test("a server that does not answer is given up after --timeout, with status 124", async () => {
  await withListener(() => {}, async (port) => {
    const { status, stderr } = await runCli([
      "connect",
      "--timeout",
      "0.3",
      `ws://127.0.0.1:${port}`,
    ]);
    assertEquals(status, 124);
    assertMatch(stderr, /^fullduplex connect: Cannot connect[^\n]* within \d+ ms\n$/);
  });
});

test("--origin, --host, --auth and --auth-file set header fields", async () => {
  const show = async (socket: WebSocketConnection) => {
    const { headers } = socket.request!;
    const fields = ["origin", "host", "authorization"].map((name) => headers.get(name));
    await socket.send(fields.join(" "));
    await socket.close();
  };
  await inFolder(async (folder) => {
    const file = join(folder, "secret");
    writeFileSync(file, "ann:pä:ss\r\nrest");
    await withServer(show, async (url) => {
      const own = ["--origin", "http://a.example", "--host", "b.example:81", "--auth", "u:p"];
      const { stdout } = await runCli(["connect", ...own, url]);
      assertEquals(stdout, `http://a.example b.example:81 Basic ${btoa("u:p")}\n`);
      const other = await runCli(["connect", "--auth-file", file, url]);
      const utf8 = btoa(String.fromCharCode(...new TextEncoder().encode("ann:pä:ss")));
      assertMatch(other.stdout, new RegExp(` Basic ${utf8}\n$`));
    }, { origins: ["http://a.example"] });
  });
});

test("certificates: --insecure, --ca, --servername, --cert and --key", async () => {
  const show = async (socket: WebSocketConnection) => {
    await socket.send("in");
    await socket.close();
  };
  const tls = {
    cert: readFileSync(CERT, "utf8"),
    key: readFileSync(KEY, "utf8"),
  };
  await withServer(show, async (url) => {
    const none = await runCli(["connect", url]);
    assertEquals([none.status, none.stdout], [1, ""]);
    for (const flags of [["-k"], ["--ca", CERT, "--servername", "localhost"]]) {
      const run = await runCli(["connect", ...flags, url]);
      assertEquals([run.status, run.stdout], [0, "in\n"], run.stderr);
    }
  }, { tls });
  await inFolder(async (folder) => {
    const secret = join(folder, "passphrase");
    writeFileSync(secret, `${PASSPHRASE}\n`);
    const server = { cert: SERVER_CERT, key: SERVER_KEY, ca: CA, requestCert: true };
    await withServer(show, async (url) => {
      const trust = ["--ca", fixture("ca_cert.pem"), "--servername", SERVER_NAME];
      const cert = ["--cert", fixture("client_cert.pem")];
      const plain = [...cert, "--key", fixture("client_key.pem")];
      const locked = [...cert, "--key", fixture("client_key_encrypted.pem")];
      const none = await runCli(["connect", ...trust, url]);
      assertEquals([none.status, none.stdout], [1, ""]);
      for (const flags of [plain, [...locked, "--passphrase-file", secret]]) {
        const run = await runCli(["connect", ...trust, ...flags, url]);
        assertEquals([run.status, run.stdout], [0, "in\n"], run.stderr);
      }
      assertEquals((await runCli(["connect", ...trust, ...locked, url])).status, 2);
    }, { tls: server });
  });
});

test(
  "--unix goes to a socket, with the URL's host",
  { skip: process.platform === "win32" && "there are no unix sockets" },
  async () => {
    const show = async (socket: WebSocketConnection) => {
      await socket.send(`${socket.request!.url} ${socket.request!.headers.get("host")}`);
      await socket.close();
    };
    await inFolder(async (folder) => {
      const path = join(folder, "a b:c.sock");
      await withServer(show, async () => {
        const run = await runCli(["connect", "--unix", path, "ws://site.example/x?y=1"]);
        assertMatch(run.stdout, /\/x\?y=1 site\.example\n$/);
        assertEquals(run.status, 0);
      }, { path, port: undefined } as never);
    });
  },
);

test("--proxy asks a proxy, and --max-redirects follows", async () => {
  const asked: string[] = [];
  await withListener((socket) => {
    socket.once("data", (data) => {
      asked.push(String(data).split("\r\n")[0]);
      socket.end("HTTP/1.1 403 No\r\nContent-Length: 4\r\n\r\nnope");
    });
  }, async (port) => {
    const run = await runCli(["connect", "--proxy", `http://127.0.0.1:${port}`, "ws://a.example/"]);
    assertEquals([run.status, asked], [1, ["CONNECT a.example:80 HTTP/1.1"]]);
    assertMatch(run.stderr, /^fullduplex connect: [^\n]*proxy[^\n]* 403: nope\n$/);
  });
  const moved = (request: { url: string }) =>
    request.url.endsWith("/old")
      ? new Response(null, { status: 307, headers: { location: "/new" } })
      : undefined;
  await withServer(echo, async (url) => {
    assertEquals((await runCli(["connect", `${url}/old`])).status, 3);
    const run = await runCli(["connect", "--max-redirects", "1", "-m", "hi", `${url}/old`]);
    assertEquals([run.status, run.stdout], [0, "hi\n"]);
    assertMatch(run.stderr, /^connected to \S+\/new\n/);
  }, { verify: moved });
});

test("--compress offers permessage-deflate", async () => {
  await withServer(echo, async (url) => {
    const run = await runCli(["connect", "--compress", "--json", "-m", "x".repeat(5000), url]);
    const [open, ...rest] = events(run.stdout);
    const message = rest.find(({ event }) => event === "message")!;
    assertMatch(String(open.extensions), /^permessage-deflate/);
    assertEquals([run.status, message.bytes], [0, 5000]);
  }, { compression: true });
});

test("slashes are text in a pipe, and commands with --commands", async () => {
  await withServer(echo, async (url) => {
    const plain = await runCli(["connect", url], "/quit\n//x\n");
    assertEquals(plain.stdout, "/quit\n//x\n");
    const input = `//x\n/ping\n/show\n/connect ${url}/two\nlast\n/close 4002\n/connect\nagain\n`;
    const run = await runCli(["connect", "--commands", url], input);
    assertEquals([run.status, run.stdout], [0, "/x\nlast\nagain\n"], run.stderr);
    assertMatch(
      run.stderr,
      new RegExp(
        "^connected to \\S+/\\nround trip .* ms\\n[^]*out +1 messages, 2 bytes[^]*\\n" +
          "closed: 1000, clean\\nconnected to \\S+two\\n" +
          "closed: 4002, clean\\nconnected to \\S+two\\nclosed: 1000, clean\\n$",
      ),
    );
  });
});

test("credentials do not go along to another server with /connect", async () => {
  const seen: (string | null)[] = [];
  const note = async (socket: WebSocketConnection) => {
    seen.push(socket.request!.headers.get("authorization"));
    await socket.closed;
  };
  await withServer(note, async (one) => {
    await withServer(note, async (two) => {
      const input = `/connect ${one}/again\n/connect ${two}\n`;
      const run = await runCli(["connect", "--commands", "--auth", "u:p", one], input);
      assertEquals(run.status, 0, run.stderr);
      assertEquals(seen, [`Basic ${btoa("u:p")}`, `Basic ${btoa("u:p")}`, null]);
    });
  });
});
