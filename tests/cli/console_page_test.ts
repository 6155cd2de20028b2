import { test } from "node:test";
import { readFile } from "node:fs/promises";
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Browser, Page } from "playwright-core";
import { connect } from "../../src/adapters/client.ts";
import { serve } from "../../src/adapters/serve.ts";
import { startChromium } from "./chromium.ts";
import { type CliRun, startServer } from "./spawn.ts";

/** Runs a test in a real browser against the real server; without a browser, only says so. */
function browserTest(
  name: string,
  use: (page: Page, server: CliRun & { port: number }, browser: Browser) => Promise<void>,
): void {
  test(name, async () => {
    const browser = await startChromium();
    if (browser === undefined) return console.log(`not run, for there is no Chromium: ${name}`);
    const server = await startServer();
    try {
      const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
      page.setDefaultTimeout(10_000);
      const complaints: string[] = [];
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(String(error)));
      await page.goto(`http://localhost:${server.port}/`);
      await use(page, server, browser);
      // A connection that fails is the only thing that the browser itself reports.
      assertEquals(complaints.filter((text) => !/WebSocket connection to/.test(text)), []);
    } finally {
      await browser.close();
      server.signal("SIGINT");
      await server.ended;
    }
  });
}

async function state(page: Page, wanted: string): Promise<void> {
  await page.waitForSelector(`#state[data-state="${wanted}"]`);
}

/** Waits for an entry of the log and returns its text, in one line. */
async function entry(page: Page, kind: string, text: string): Promise<string> {
  const found = page.locator(`#log li.${kind}`, { hasText: text }).first();
  await found.waitFor();
  return (await found.innerText()).replace(/\s+/g, " ");
}

async function send(page: Page, text: string): Promise<void> {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
}

browserTest("the console sends text and files to /echo and closes", async (page, server) => {
  assertEquals(await page.innerText("#state"), "Not connected");
  assert(await page.isDisabled("#send"));
  await page.fill("#protocols", "chat.v1, other");
  await page.click("#connect");
  await state(page, "open");
  assertEquals(await page.innerText("#state"), "Open, protocol chat.v1");
  assertMatch(await entry(page, "note", "Connected"), /ws:\/\/localhost:\d+\/echo, protocol chat/);

  const text = '<img src=x onerror="alert(1)"> ünï 🎉';
  await send(page, text);
  const pattern = / \d\d:\d\d:\d\d\.\d{3} text 41 bytes <img src=x onerror="alert\(1\)"> ünï 🎉$/;
  assertMatch(await entry(page, "out", "<img"), new RegExp(`^↑ sent${pattern.source}`));
  assertMatch(await entry(page, "in", "<img"), new RegExp(`^↓ received${pattern.source}`));
  assertEquals(await page.locator("#log img").count(), 0);

  const bytes = Array.from({ length: 300 }, (_, i) => (i * 37) & 255);
  await page.evaluate(`{
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(${JSON.stringify(bytes)})], "some.bin"));
    const files = document.getElementById("files");
    files.files = transfer.files;
    files.dispatchEvent(new Event("change"));
  }`);
  assertMatch(
    await entry(page, "out", "binary"),
    /binary 300 bytes some\.bin Download 00 25 4a 6f/,
  );
  assertMatch(await entry(page, "in", "binary"), /binary 300 bytes Download 00 25 4a 6f .* …$/);
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.locator("#log li.in a").click(),
  ]);
  assertEquals(download.suggestedFilename(), "message-2.bin");
  assertEquals([...await readFile(await download.path())], bytes);

  await page.evaluate(`{
    const transfer = new DataTransfer();
    transfer.items.add(new File(["dropped"], "dropped.txt"));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
  }`);
  await entry(page, "in", "64 72 6f 70 70 65 64");
  assertEquals(await page.innerText("#count"), "↑ 3 sent, ↓ 3 received");

  await page.fill("#code", "1001");
  await page.click("#close");
  assertMatch(await entry(page, "bad", "Cannot close"), /1000/);
  await page.fill("#code", "4001");
  await page.fill("#reason", "enough");
  await page.click("#close");
  await state(page, "closed");
  await entry(page, "note", "Closing with 4001, reason “enough”");
  assertMatch(await entry(page, "note", "Closed: 4001"), /clean$/);
  await server.sees(/#1 closed 4001 "enough", clean, 3 messages and 348 bytes/);

  await page.click("#clear");
  assertEquals(await page.locator("#log li").count(), 0);
});

browserTest("the console chats with another client", async (page, server) => {
  await page.click('[data-path="/chat"]');
  await state(page, "open");
  const other = await connect(`ws://localhost:${server.port}/chat?name=ann`);
  const heard = other[Symbol.asyncIterator]();
  await send(page, "who is there?");
  assertEquals((await heard.next()).value, "who is there?");
  await entry(page, "in", "who is there?");
  other.send("me");
  await entry(page, "in", "ann: me");

  // The other connection is closed in order when the console turns to another address.
  await page.click('[data-path="/time"]');
  await server.sees(/#1 closed 1000, clean/);
  await entry(page, "in", "Z");
  await other.close();

  await page.close();
  await server.sees(/#3 closed 1001, clean/);
});

browserTest("the console shows a lost connection and one that never was", async (page, server) => {
  await using cutter = await serve(async (socket) => {
    await socket.send("bye");
    for await (const _ of socket) socket.terminate();
  }, { port: 0 });
  await page.fill("#url", cutter.url);
  await page.click("#connect");
  await entry(page, "in", "bye");
  await send(page, "cut");
  await state(page, "lost");
  assertEquals(await page.innerText("#state"), "Lost 1006");
  assertMatch(
    await entry(page, "bad", "Closed"),
    /1006 \(connection lost\), no reason, not clean$/,
  );

  await page.fill("#url", `ws://localhost:${server.port}/nope`);
  await page.click("#connect");
  await page.locator("#log li.bad").nth(1).waitFor();
  await state(page, "lost");
  await page.fill("#url", "ftp://localhost/");
  await page.click("#connect");
  await entry(page, "bad", "Cannot connect");
});

browserTest("the console recalls what was sent and leaves a reader's place alone", async (page) => {
  await page.click("#connect");
  await state(page, "open");
  for (let i = 1; i <= 40; i++) await send(page, `message ${i}`);
  await page.locator("#log li.in", { hasText: "message 40" }).waitFor();
  const bottom = "log.scrollHeight - log.scrollTop - log.clientHeight";
  const read = (script: string) =>
    page.evaluate(`{ const log = document.getElementById("log"); ${script} }`);
  assert(await read(`${bottom} < 2`), "the newest entry is in sight");

  await page.fill("#text", "draft");
  await page.press("#text", "ArrowUp");
  await page.press("#text", "ArrowUp");
  assertEquals(await page.inputValue("#text"), "message 39");
  await page.press("#text", "ArrowDown");
  await page.press("#text", "ArrowDown");
  assertEquals(await page.inputValue("#text"), "draft");
  await page.press("#text", "Shift+Enter");
  assertEquals(await page.inputValue("#text"), "draft\n");

  await read("log.scrollTop = 10; log.scrollTop");
  await page.locator("#latest").waitFor();
  await send(page, "unseen");
  await page.locator("#log li.in", { hasText: "unseen" }).waitFor();
  assertEquals(await read("log.scrollTop"), 10);
  assertEquals(await page.innerText("#latest"), "↓ 2 new");
  await page.click("#latest");
  await page.locator("#latest").waitFor({ state: "hidden" });
  assert(await read(`${bottom} < 2`), "back at the newest entry");
});

browserTest("the console fits a phone, and every control has a name", async (page) => {
  await page.setViewportSize({ width: 360, height: 640 });
  await page.reload();
  await page.click("#connect");
  await state(page, "open");
  await send(page, "x".repeat(500));
  await entry(page, "in", "xxx");
  await page.click("summary");
  assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 360);
  const nameless = await page.evaluate(`
    Array.from(document.querySelectorAll("input, textarea, button"), (control) =>
      control.getAttribute("aria-label") || control.labels?.[0]?.textContent ||
      control.textContent.trim() ? "" : control.outerHTML).filter(Boolean)
  `);
  assertEquals(nameless, []);
  assertEquals(await page.getAttribute("#log", "role"), "log");
});
