/** permessage-deflate with Chromium, where it is installed. */
import { test } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { serve } from "../../src/adapters/serve.ts";
import type { CompressionOptions } from "../../src/api/mod.ts";
import { startChromium } from "../cli/chromium.ts";

/** Runs in the page: sends texts and bytes, and answers with the extensions or what went wrong. */
const SCRIPT = `new Promise((resolve) => {
  const sizes = [0, 16, 1023, 1024, 65535, 65536, 131072, 1 << 20];
  const text = (size) => '{"name":"a name","é":[12345,true]},'.repeat(size / 30 + 1).slice(0, size);
  const socket = new WebSocket(location.href.replace("http", "ws"));
  socket.binaryType = "arraybuffer";
  const sent = sizes.flatMap((size) => [text(size), new TextEncoder().encode(text(size)), text(size)]);
  let got = 0;
  socket.onopen = () => sent.forEach((data) => socket.send(data));
  socket.onmessage = ({ data }) => {
    const expected = sent[got++];
    const same = typeof data === "string"
      ? data === expected
      : new TextDecoder().decode(data) === new TextDecoder().decode(expected);
    if (!same) resolve("message " + got + " differs");
    if (got === sent.length) resolve(socket.extensions);
  };
  socket.onclose = ({ code, reason }) => resolve("closed " + code + " " + reason);
})`;

const CHOICES: Record<string, true | CompressionOptions> = {
  "defaults": true,
  "takeover": { contextTakeover: true },
  "large windows": { contextTakeover: true, windowBits: 15, peerWindowBits: 15, level: 9 },
  "small windows": { windowBits: 9, peerWindowBits: 8 },
};

test("Chromium and our server understand each other's compression", async () => {
  const browser = await startChromium();
  if (browser === undefined) return console.log("not run, for there is no Chromium");
  try {
    for (const [name, compression] of Object.entries(CHOICES)) {
      let extensions = "";
      await using server = await serve({
        open: (socket) => void (extensions = socket.extensions),
        message: (socket, data) => void socket.send(data),
      }, {
        port: 0,
        compression,
        fetch: () => new Response("<p>test", { headers: { "content-type": "text/html" } }),
      });
      const page = await browser.newPage();
      await page.goto(server.url.replace("ws", "http"));
      const seen = await page.evaluate(SCRIPT);
      assertMatch(String(seen), /^permessage-deflate/, name);
      assertEquals(seen, extensions);
      await page.close();
    }
  } finally {
    await browser.close();
  }
});
