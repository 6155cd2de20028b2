/** The client in a bundle, with the files that it loads later, without them, and in one file. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { assert, assertEquals } from "@std/assert";
import type * as Client from "../../src/adapters/client.ts";
import { serve } from "../../src/adapters/serve.ts";
import { write_bundle } from "../support/bundle.ts";

const CODE = `export * from "fullduplex/client";`;

/** Bundles the client, and removes some of the files. */
async function bundled(
  splitting: boolean,
  without: RegExp | undefined,
  use: (client: typeof Client) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(`${tmpdir()}/fullduplex-client-`);
  try {
    write_bundle(CODE, folder, splitting);
    const files = readdirSync(folder).filter((name) => name.endsWith(".js"));
    assertEquals(files.length > 1, splitting);
    const removed = files.filter((name) => without?.test(name));
    assertEquals(removed.length, without === undefined ? 0 : 1, files.join());
    for (const name of removed) rmSync(`${folder}/${name}`);
    await use(await import(pathToFileURL(`${folder}/entry.js`).href));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const splitting of [false, true]) {
  test(`the client works in a bundle ${splitting ? "of several files" : "of one file"}`, async () => {
    await using server = await serve({ message: (socket, data) => socket.send(data) }, {
      port: 0,
      hostname: "127.0.0.1",
      compression: true,
    });
    await bundled(splitting, undefined, async ({ connect, WebSocket, HandshakeError }) => {
      const told: string[] = [];
      const observer = { open: () => told.push("open") };
      const cookies = { getCookies: () => "a=1", setCookies() {} };
      const socket = await connect(server.url, { compression: true, observer, cookies });
      assert(socket.extensions.startsWith("permessage-deflate"));
      await socket.send("x".repeat(5000));
      for await (const message of socket) {
        assertEquals(message.length, 5000);
        break;
      }
      await socket.close(1000);
      assertEquals(told, ["open"]);
      const standard = new WebSocket(server.url);
      await new Promise((resolve) => standard.onopen = resolve);
      const closed = new Promise((resolve) => standard.onclose = resolve);
      standard.close(1000);
      await closed;
      const refused = await connect("ws://127.0.0.1:1/").catch((error) => error);
      assert(refused instanceof HandshakeError);
    });
  });
}

for (
  const [what, without, options] of [
    ["what opens connections", /^client_connection-/, {}],
    ["compression", /^client_deflate-/, { compression: true }],
    ["cookies", /^client_extras-/, { cookies: { getCookies: () => "", setCookies() {} } }],
  ] as const
) {
  test(`a bundle without its file for ${what} says so in one clear error`, async () => {
    await bundled(true, without, async ({ connect, HandshakeError }) => {
      const error = await connect("ws://127.0.0.1:1/", options).catch((error) => error);
      assert(error instanceof HandshakeError, String(error));
      assertEquals(error.code, "WS_CONNECT_FAILED");
      assertEquals(error.message, "Cannot connect: a part of this library could not be loaded");
      assert(error.cause instanceof Error);
    });
  });
}
