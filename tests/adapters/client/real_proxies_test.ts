import { assertEquals, assertMatch } from "@std/assert";
import { test } from "node:test";
import { connect, type ConnectOptions } from "../../../src/adapters/client.ts";
import { serve } from "../../../src/adapters/serve.ts";
import { socksProxy } from "../../../src/adapters/socks/mod.ts";
import { CERT, KEY } from "../support/runtime.ts";
import { within } from "../support/waiting.ts";
import { failing } from "./support/failing.ts";
import { missing, startMicrosocks, startTinyproxy } from "./support/programs.ts";

/** Does everything once: small, large and compressed messages, and the close. */
async function exchange(secure: boolean, options: ConnectOptions): Promise<void> {
  await using server = await serve({ message: (socket, data) => void socket.send(data) }, {
    port: 0,
    compression: true,
    ...(secure ? { tls: { cert: CERT, key: KEY } } : {}),
  });
  const all = { compression: true, tls: { ca: CERT }, ...options };
  const socket = await within(connect(server.url, all), "connection");
  assertMatch(socket.extensions, /^permessage-deflate/);
  const messages = ["small", "again and ".repeat(50_000), new Uint8Array(1 << 20).fill(5)];
  for (const message of messages) socket.send(message);
  const got: unknown[] = [];
  for await (const message of socket) {
    got.push(message);
    if (got.length === messages.length) break;
  }
  assertEquals(got.map((message) => (message as string).length), [5, 500_000, 1 << 20]);
  assertEquals(got[1], messages[1]);
  assertEquals((await within(socket.close(), "close")).closeCode, 1000);
}

const USER: [string, string] = ["someone", "sesame"];
const noTinyproxy = missing("tinyproxy");
const noMicrosocks = missing("microsocks");

for (const secure of [false, true]) {
  const scheme = secure ? "wss" : "ws";
  for (const auth of [undefined, USER]) {
    const how = auth === undefined ? "" : ", with a password";

    test(`${scheme} goes through tinyproxy${how}`, { skip: noTinyproxy }, async () => {
      const { port, stop } = await startTinyproxy(auth);
      try {
        const login = auth === undefined ? "" : `${auth.join(":")}@`;
        await exchange(secure, { proxy: `http://${login}127.0.0.1:${port}` });
      } finally {
        await stop();
      }
    });

    test(`${scheme} goes through microsocks${how}`, { skip: noMicrosocks }, async () => {
      const { port, stop } = await startMicrosocks(auth);
      try {
        const login = auth === undefined ? "" : `${auth.join(":")}@`;
        await exchange(secure, { dial: socksProxy(`socks5://${login}127.0.0.1:${port}`) });
      } finally {
        await stop();
      }
    });
  }
}

test("tinyproxy's refusals are reported", { skip: noTinyproxy }, async () => {
  const { port, stop } = await startTinyproxy(USER);
  try {
    for (const login of ["", "someone:wrong@"]) {
      const error = await failing("ws://127.0.0.1:1/", {
        proxy: `http://${login}127.0.0.1:${port}`,
      });
      assertEquals(error.code, "WS_PROXY_REFUSED");
      assertMatch(String(error.status), /^40[17]$/);
    }
    const unreachable = await failing("ws://127.0.0.1:1/", {
      proxy: `http://${USER.join(":")}@127.0.0.1:${port}`,
    });
    assertEquals(unreachable.code, "WS_PROXY_REFUSED");
    assertMatch(String(unreachable.status), /^50\d$/);
  } finally {
    await stop();
  }
});

test("microsocks' refusals are reported", { skip: noMicrosocks }, async () => {
  const { port, stop } = await startMicrosocks(USER);
  try {
    for (const login of ["", "someone:wrong@"]) {
      const error = await failing("ws://127.0.0.1:1/", {
        dial: socksProxy(`socks5://${login}127.0.0.1:${port}`),
      });
      assertEquals(error.code, "WS_PROXY_REFUSED");
    }
    const unreachable = await failing("ws://127.0.0.1:1/", {
      dial: socksProxy(`socks5://${USER.join(":")}@127.0.0.1:${port}`),
    });
    assertEquals(unreachable.code, "WS_PROXY_REFUSED");
    assertMatch(unreachable.message, /ConnectionRefused/);
  } finally {
    await stop();
  }
});
