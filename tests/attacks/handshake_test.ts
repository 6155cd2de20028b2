/**
 * Hostile handshakes, over real sockets.
 *
 * | Row of the list of attacks     | Test                                                           |
 * | ------------------------------ | -------------------------------------------------------------- |
 * | Header flood                   | header flood: …                                                |
 * | Subprotocol back-tracking      | back-tracking: …                                               |
 * | Extension back-tracking        | back-tracking: …                                               |
 * | Prototype names                | prototype names: …                                             |
 * | Padded Connection              | back-tracking: …                                               |
 * | Non-ASCII subprotocol          | subprotocols that are no tokens: …                             |
 * | Endless handshake response     | endless response: …                                            |
 * | Slowloris                      | slowloris: … (and tests/api/opening_test.ts, at a byte's pace) |
 * | Cross-site hijack              | cross-site: …                                                  |
 * | Request smuggling              | smuggling: …                                                   |
 * | Redirect leak                  | redirects: …                                                   |
 * | Unhandled path, then RST       | reset: …                                                       |
 * | Cookie header                  | a malformed cookie: …                                          |
 * | Injection                      | injection: …                                                   |
 * | Spoofing                       | spoofing: …                                                    |
 *
 * Deflate bombs and window bits are in deflate_test.ts. Not here, for there is nothing yet that they
 * could attack: draft-76 keys, paths, basic auth.
 *
 * @module
 */

import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect } from "../../src/adapters/client.ts";
import { onUpgrade } from "../../src/adapters/node/mod.ts";
import { serve } from "../../src/adapters/serve.ts";
import { HandshakeError } from "../../src/errors.ts";
import { connectRaw, listenRaw } from "../support/node_peer.ts";
import { KEY, requestText } from "../support/raw_handshake.ts";
import { sleep, soon } from "../api/ends.ts";
import { echo, underAttack } from "./rig.ts";
import { PATIENCE } from "../support/patience.ts";

/** Sends a request and returns all that comes back, as text. */
async function ask(port: number, request: string): Promise<string> {
  const peer = await connectRaw(port);
  peer.write(Uint8Array.from(request, (character) => character.charCodeAt(0)));
  await sleep(5);
  peer.end();
  const answer = new TextDecoder().decode(await soon(peer.readToEnd(), "the answer"));
  peer.destroy();
  return answer;
}

function status(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
}

test("header flood: thousands of fields with Upgrade hidden among them are 431 or 400", async () => {
  await underAttack(
    async ({ port }) => {
      for (const count of [200, 1990, 2000, 3000]) {
        const fields = Array.from({ length: count }, (_, i) => `a${i}: x`);
        const first = requestText(fields);
        const last = requestText().replace("Upgrade: websocket\r\n", "")
          .replace("\r\n\r\n", `\r\n${fields.join("\r\n")}\r\nUpgrade: websocket\r\n\r\n`);
        for (const request of [first, last]) {
          const got = status(await ask(port, request));
          assert([400, 431].includes(got) || (got === 200 && count >= 1990), `${count}: ${got}`);
        }
      }
    },
    { maxHeaderBytes: 1 << 20 },
    echo,
    { maxHeaderSize: 1 << 20 },
  );
});

test("header flood: serve() answers 431 or 400 to every one of them", async () => {
  const onError = (error: unknown) => assertEquals(error, undefined);
  await using server = await serve(echo, {
    port: 0,
    maxHeaderBytes: 1 << 20,
    onError,
    fetch: () => new Response("plain HTTP"),
  });
  for (const count of [200, 1990, 2000, 3000]) {
    const fields = Array.from({ length: count }, (_, i) => `a${i}: x`);
    const hidden = requestText().replace("Upgrade: websocket\r\n", "")
      .replace("\r\n\r\n", `\r\n${fields.join("\r\n")}\r\nUpgrade: websocket\r\n\r\n`);
    const plain = `GET / HTTP/1.1\r\nHost: x\r\n${fields.join("\r\n")}\r\n\r\n`;
    for (const request of [requestText(fields), hidden, plain]) {
      const got = status(await ask(server.port, request));
      assert([400, 431].includes(got), `${count}: ${got}`);
    }
  }
  assertEquals(await (await fetch(server.url.replace("ws", "http"))).text(), "plain HTTP");
});

test("back-tracking: long blanks and escapes in list fields are read in linear time", async () => {
  await underAttack(
    async ({ port }) => {
      const nasty: [string, number[]][] = [
        [`Sec-WebSocket-Protocol: b${" ".repeat(60_000)}x`, [400]],
        [`Sec-WebSocket-Protocol: ${"a,".repeat(30_000)}b c`, [400]],
        [`Sec-WebSocket-Extensions: a;b="${"\\c".repeat(30_000)}`, [400]],
        [`Sec-WebSocket-Extensions: a;b="${"\\".repeat(60_001)}"`, [400]],
        [`Sec-WebSocket-Extensions: ${"a;".repeat(30_000)}`, [400]],
        [`Connection: ${" ".repeat(30_000)},${" ".repeat(30_000)}`, [101]],
        [`Connection: ${" , ".repeat(20_000)}x`, [101]],
      ];
      for (const [field, expected] of nasty) {
        const started = performance.now();
        const got = status(await ask(port, requestText([field])));
        assert(expected.includes(got), `${field.slice(0, 40)}: ${got}`);
        // Quadratic work on this would take minutes; the bound is for slow machines.
        assert(performance.now() - started < 5000 * PATIENCE, field.slice(0, 40));
      }
    },
    { protocols: ["b"], maxHeaderBytes: 1 << 20 },
    echo,
    { maxHeaderSize: 1 << 20 },
  );
});

test("prototype names: extensions and subprotocols named like members of objects are unknown", async () => {
  await underAttack(async ({ port }) => {
    for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
      const answer = await ask(
        port,
        requestText([
          `Sec-WebSocket-Extensions: ${name}; ${name}=1, permessage-deflate; ${name}`,
          `Sec-WebSocket-Protocol: ${name}`,
        ]),
      );
      assertEquals(status(answer), 101);
      assertEquals(/sec-websocket-(extensions|protocol)/i.test(answer), false, answer);
    }
  }, { protocols: ["chat"] });
});

test("subprotocols that are no tokens: 400", async () => {
  await underAttack(async ({ port }) => {
    for (const bad of ["caf\xe9", "\x80", "a b", "a/b", 'a"b', "a;b", "", ",", "a,a"]) {
      assertEquals(
        status(await ask(port, requestText([`Sec-WebSocket-Protocol: ${bad}`]))),
        400,
        bad,
      );
    }
  }, { protocols: ["a"] });
});

test("endless response: a server that drips for ever meets the deadline, or the byte cap", async () => {
  const server = await listenRaw();
  try {
    for (
      const [options, code] of [
        [{ handshakeTimeoutMs: 200 }, "WS_HANDSHAKE_TIMEOUT"],
        [{ maxHeaderBytes: 512 }, "WS_HANDSHAKE_TOO_LARGE"],
      ] as const
    ) {
      const failed = connect(`ws://127.0.0.1:${server.port}/`, options).then(
        () => {
          throw new Error("there is a connection");
        },
        (error: HandshakeError) => error,
      );
      const peer = await server.accept();
      peer.writeText("HTTP/1.1 101 Switching Protocols\r\n");
      const dripping = setInterval(() => peer.writeText("X: dripping\r\n"), 5);
      try {
        assertEquals((await soon(failed, code)).code, code);
        await peer.readToEnd();
      } finally {
        clearInterval(dripping);
      }
    }
  } finally {
    await server.close();
  }
});

test("slowloris: a half head and silence end in time, in a server of our own", async () => {
  const server = await serve(echo, { port: 0, hostname: "127.0.0.1", handshakeTimeoutMs: 150 });
  try {
    const port = Number(new URL(server.url).port);
    const started = performance.now();
    const peers = await Promise.all(["GET / HTTP/1.1\r\nHo", "GET", requestText().slice(0, -2)].map(
      async (start) => {
        const peer = await connectRaw(port);
        peer.writeText(start);
        return peer;
      },
    ));
    for (const peer of peers) {
      const answer = new TextDecoder().decode(await soon(peer.readToEnd(), "the end"));
      assert(answer === "" || status(answer) === 408, answer);
      peer.destroy();
    }
    assert(performance.now() - started < 9000 * PATIENCE);
  } finally {
    await server.close();
  }
});

test("cross-site: origins that only look like an allowed one are 403", async () => {
  await underAttack(async ({ port }) => {
    const request = (origin: string) => requestText([`Origin: ${origin}`]);
    assertEquals(status(await ask(port, request("https://good.example"))), 101);
    for (
      const evil of [
        "https://evil.example",
        "https://good.example.evil.example",
        "https://evilgood.example",
        "https://good.exampl",
        "http://good.example",
        "https://good.example:8443",
        "https://good.example@evil.example",
        "https://good.example, https://evil.example",
        "null",
      ]
    ) assertEquals(status(await ask(port, request(evil))), 403, evil);
    assertEquals(
      status(
        await ask(
          port,
          requestText(["Origin: https://good.example", "Origin: https://evil.example"]),
        ),
      ),
      403,
    );
  }, { origins: ["https://good.example"] });
});

test("smuggling: requests that two parsers could read differently never get a 101", async () => {
  const good = requestText();
  const requests = [
    requestText(["Content-Length: 5", "Transfer-Encoding: chunked"]),
    requestText(["Content-Length: 5", "Content-Length: 6"]),
    requestText(["Content-Length: 5"]),
    requestText(["Transfer-Encoding: chunked"]),
    requestText(["Transfer-Encoding: xchunked"]),
    good.replace("Upgrade: websocket", "Upgrade: h2c"),
    good.replace("Upgrade: websocket", "Upgrade: websocketx"),
    good.replace(KEY, "not base64 at all!!!!!=="),
    good.replace(KEY, KEY.slice(0, -4)),
    requestText([`Sec-WebSocket-Key: ${KEY}`]),
    good.replace("Version: 13", "Version: 12"),
    good.replace("Version: 13", "Version: 13, 8"),
    requestText(["Sec-WebSocket-Version: 13"]),
    requestText(["Host: other.example"]),
    good.replace("GET / ", "GET /a b "),
    good.replace("GET", "POST"),
    good.replace("HTTP/1.1", "HTTP/1.0"),
    good.replace("Host:", "Host :"),
    good.replace("Host:", " folded\r\nHost:"),
    good.replace("Upgrade: websocket", "X: a\nUpgrade: websocket").replace("\r\n\r\n", "\n\n"),
  ];
  await underAttack(async ({ port }) => {
    assertEquals(status(await ask(port, good)), 101);
    for (const request of requests) {
      const answer = await ask(port, request);
      assertEquals(/ 101 /.test(answer), false, `${request}\n${answer}`);
    }
  });
});

test("redirects: a client follows none, so that no header field goes to another host", async () => {
  const server = await listenRaw();
  const other = await listenRaw();
  let reached = false;
  other.accept().then(() => reached = true);
  try {
    for (const code of [301, 302, 303, 307, 308]) {
      const failed = assertRejects(
        () =>
          connect(`ws://127.0.0.1:${server.port}/`, {
            headers: { Authorization: "Bearer secret" },
          }),
        HandshakeError,
      );
      const peer = await server.accept();
      await peer.readHead();
      peer.writeText(
        `HTTP/1.1 ${code} Go\r\nLocation: ws://127.0.0.1:${other.port}/\r\nContent-Length: 0\r\n\r\n`,
      );
      const error = await failed;
      assertEquals([error.status, error.code], [code, "WS_HANDSHAKE_REFUSED"]);
    }
    await sleep(20);
    assertEquals(reached, false);
  } finally {
    await server.close();
    await other.close();
  }
});

test("reset: a client that is refused and resets, at any moment, disturbs nobody", async () => {
  await underAttack(async ({ connect }) => {
    for (let wait = 0; wait < 20; wait++) {
      const peer = await connect();
      peer.writeText(requestText([], "/nowhere"));
      await sleep(wait % 4);
      peer.destroy();
    }
    const calm = await connect();
    calm.writeText(requestText([], "/nowhere"));
    calm.end();
    const answer = new TextDecoder().decode(await calm.readToEnd());
    assertEquals(status(answer), 404);
    await sleep(50);
  }, {
    verify: async () => {
      await sleep(1);
      return new Response("no such path", { status: 404 });
    },
  });
});

test("a malformed cookie: nobody decodes it, so nobody throws", async () => {
  await underAttack(async ({ port }) => {
    for (const cookie of ["a=%E0%A4%A", "%", "=;=;", "\xff=\xff", "a=b; __proto__=x"]) {
      assertEquals(status(await ask(port, requestText([`Cookie: ${cookie}`]))), 101, cookie);
    }
  });
});

test("injection: line breaks in what the application gives are a TypeError, before anything goes", async () => {
  const bad = ["a\r\nX: y", "a\nb", "a\rb", "a\0b", "\u0100"];
  for (const value of bad) {
    await assertRejects(() => connect("ws://127.0.0.1:1/", { headers: [["X", value]] }), TypeError);
    await assertRejects(() => connect("ws://127.0.0.1:1/", { protocols: [value] }), TypeError);
    assertThrows(
      () => onUpgrade(echo, { headers: [["X", value]] as [string, string][] }),
      TypeError,
    );
    assertThrows(() => onUpgrade(echo, { protocols: [value] }), TypeError);
    await assertRejects(
      () => connect("ws://127.0.0.1:1/", { headers: [[`X${value}`, "y"]] }),
      TypeError,
    );
  }
});

test("spoofing: X-Forwarded fields change nothing of what the application is told", async () => {
  const seen: string[] = [];
  await underAttack(
    async ({ port }) => {
      await ask(
        port,
        requestText([
          "X-Forwarded-For: 6.6.6.6",
          "X-Forwarded-Proto: https",
          "Forwarded: for=6.6.6.6;proto=https",
        ]),
      );
      await sleep(5);
      assertEquals(seen.at(-1), "ws://example.com/ 127.0.0.1");
    },
    {},
    {
      open: (socket) => void seen.push(`${socket.url} ${socket.remoteAddress}`),
      message: (socket, data) => void socket.send(data),
    },
  );
});
