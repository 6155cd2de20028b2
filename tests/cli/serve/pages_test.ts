import { test } from "node:test";
import { readFile } from "node:fs/promises";
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { NO_CHROMIUM, startChromium } from "../chromium.ts";
import { makeFolder, type Served, startServe } from "./rig.ts";

const SIZES = { desk: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

/** Runs a test in a real browser on a page of a real server; without a browser, only says so. */
function pageTest(
  name: string,
  path: string,
  size: keyof typeof SIZES,
  use: (page: Page, server: Served) => Promise<void>,
): void {
  test(name, { skip: NO_CHROMIUM }, async () => {
    const browser = (await startChromium())!;
    await using folder = await makeFolder({
      "hello.js": "export default async (socket) => { await socket.send('hello'); };",
    });
    await using server = await startServe(folder.path);
    try {
      const page = await browser.newPage({ viewport: SIZES[size], reducedMotion: "reduce" });
      page.setDefaultTimeout(15_000);
      const complaints: string[] = [];
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(String(error)));
      const requests: string[] = [];
      page.on("request", (request) => requests.push(request.url()));
      const url = `http://localhost:${server.port}${path}`;
      await page.goto(url);
      await use(page, server);
      assertEquals(complaints.filter((text) => !/WebSocket connection to/.test(text)), []);
      assertEquals(requests.filter((it) => !/^(data|blob):/.test(it)), [url], "loads nothing");
    } finally {
      await browser.close();
    }
  });
}

async function state(page: Page, wanted: string): Promise<void> {
  await page.waitForSelector(`#state[data-state="${wanted}"]`);
}

async function send(page: Page, text: string): Promise<void> {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
}

async function open(page: Page, path: string): Promise<void> {
  await page.selectOption("#route", path);
  await page.click("#connect");
  await state(page, "open");
}

/** What is wrong with a page that anybody must be able to use, in both colour schemes. */
async function barriers(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    found.push(
      ...await page.evaluate(`(() => {
      const bad = [];
      const nameOf = (it) => it.getAttribute("aria-label") || it.labels?.[0]?.textContent.trim() ||
        it.textContent.trim();
      for (const it of document.querySelectorAll("input, textarea, select, button, a, svg, progress")) {
        if (it.getClientRects().length > 0 && !nameOf(it)) bad.push("no name: " + it.outerHTML);
      }
      const channels = (text) => text.match(/[\\d.]+/g).map(Number);
      const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
        .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const it = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || it.getClientRects().length === 0) continue;
        if (it.closest("script, style, noscript, option, :disabled")) continue;
        let under = it;
        while (under && (channels(getComputedStyle(under).backgroundColor)[3] ?? 1) === 0) {
          under = under.parentElement;
        }
        const style = getComputedStyle(it);
        const ink = it.namespaceURI.endsWith("svg") ? style.fill : style.color;
        const pair = [light(channels(ink)), light(channels(getComputedStyle(under ?? document.body)
          .backgroundColor))].sort((a, b) => b - a);
        const contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
        if (contrast < 4.5) bad.push("contrast " + contrast.toFixed(2) + ": " + it.outerHTML);
      }
      for (const it of document.querySelectorAll("button, select, input:not([type=checkbox])")) {
        const { width, height } = it.getBoundingClientRect();
        if (width > 0 && Math.min(width, height) < 24) bad.push("too small: " + it.outerHTML);
      }
      const wide = document.documentElement.scrollWidth - innerWidth;
      if (wide > 0) bad.push("wider than the window by " + wide);
      if (document.getAnimations().length > 0) bad.push("it moves");
      return bad;
    })()`) as string[],
    );
  }
  return found;
}

pageTest(
  "the console names handlers and samples, and closes as it is told",
  "/_samples/console",
  "desk",
  async (page) => {
    const options = await page.locator("#route option").allInnerTexts();
    assertEquals(options.slice(0, 2), ["/hello", "/_samples/echo"]);
    await page.selectOption("#route", "/_samples/close");
    assertEquals(await page.innerText("#about"), 'closes with a code and a reason: "4001 busy"');
    assertMatch(await page.inputValue("#url"), /^ws:\/\/localhost:\d+\/_samples\/close$/);
    await page.click("#connect");
    await state(page, "open");
    await send(page, "4001 too busy");
    await state(page, "closed");
    const closed = page.locator("#log li.note", { hasText: "Closed: 4001" });
    assertMatch(await closed.innerText(), /4001, reason “too busy”, clean/);
    await page.fill("#url", "ws://localhost:1/");
    assertEquals(await page.inputValue("#route"), "");
    assertEquals(await barriers(page), []);
  },
);

pageTest(
  "the console sends hex, shows bytes, filters and saves",
  "/_samples/console",
  "desk",
  async (page) => {
    await open(page, "/_samples/echo");
    await send(page, "plain text");
    await page.selectOption("#kind", "hex");
    await send(page, "0x00 ff,48:69");
    const entries = page.locator("#log li.in");
    await entries.nth(1).waitFor();
    assertMatch(await entries.nth(1).innerText(), /binary\s+4 bytes\s+Download\s+00 ff 48 69$/);
    await send(page, "0");
    assertMatch(await page.locator("#log li.bad").innerText(), /hex bytes are pairs/);

    await page.click("#hex");
    assertEquals(await page.getAttribute("#hex", "aria-pressed"), "true");
    assertMatch(
      await entries.nth(0).innerText(),
      /0000 {2}70 6c 61 69 6e 20 74 65 78 74 {20}plain text$/,
    );
    assertMatch(await entries.nth(1).innerText(), /0000 {2}00 ff 48 69 +··Hi$/);
    await page.click("#hex");
    assertMatch(await entries.nth(0).innerText(), /\nplain text$/);

    await page.fill("#filter", "PLAIN");
    assertEquals(await page.locator("#log li:visible").count(), 2);
    assertEquals(await page.innerText("#count"), "↑ 2 sent, ↓ 2 received, 2 shown");
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save")]);
    const saved = await readFile(await download.path(), "utf8");
    const line = (way: string) =>
      `${way}  \\d\\d:\\d\\d:\\d\\d\\.\\d{3}  text  10 bytes\n {4}plain text\n`;
    assertMatch(saved, new RegExp(`^${line("↑ sent")}${line("↓ received")}$`));
    await page.fill("#filter", "");
    assertEquals(await page.locator("#log li:visible").count(), 6);

    await page.selectOption("#type", "blob");
    await send(page, "01 02");
    const blob = page.locator("#log li.in", { hasText: "Blob" });
    await blob.filter({ hasText: "01 02" }).waitFor();
    assertEquals(await barriers(page), []);
  },
);

pageTest("the console is for phones too", "/_samples/console", "phone", async (page) => {
  await open(page, "/_samples/echo");
  await send(page, "x".repeat(300));
  await page.locator("#log li.in").waitFor();
  await page.click("summary");
  await page.click("#hex");
  assertEquals(await barriers(page), []);
  const log = (await page.locator(".scroll").boundingBox())!;
  assert(log.height > 150, `the log is ${log.height} pixels high`);
});

/** Fills a benchmark's form in so that it is over soon. */
async function prepare(page: Page, values: Record<string, string>): Promise<void> {
  const all = { iterations: "3", warmup: "1", start: "100", stop: "25600", multipliers: "16" };
  for (const [id, value] of Object.entries({ ...all, ...values })) await page.fill(`#${id}`, value);
}

for (const where of ["page", "worker"]) {
  pageTest(
    `the benchmark measures both ways in a ${where}`,
    "/_samples/benchmark",
    "desk",
    async (page, server) => {
      await prepare(page, { sockets: "3", multipliers: "16, 4" });
      assertEquals(await page.innerText("#sizes"), "3 sizes: 100 B, 1.56 KiB, 6.25 KiB");
      if (where === "worker") await page.check("#worker");
      await page.press("#iterations", "Enter");
      await state(page, "done");
      const rows = await page.locator("#rows tr").allInnerTexts();
      assertEquals(rows.length, 6);
      assertMatch(rows[0], /^Send\s+100 B\s+[\d.]+\s+[\d,]+\s+[\d.]+\s+[\d.]+–[\d.]+$/);
      assertMatch(rows[5], /^Receive\s+6\.25 KiB\s/);
      assertEquals(await page.locator("#chart circle").count(), 3);
      assertEquals(await page.locator("#chart rect").count(), 3);
      assertMatch((await page.getAttribute("#chart", "aria-label"))!, /the best is [\d.]+ MB\/s/);
      assertEquals(await page.evaluate("progress.value / progress.max"), 1);
      const [download] = await Promise.all([page.waitForEvent("download"), page.click("#csv")]);
      const csv = (await readFile(await download.path(), "utf8")).trimEnd().split("\n");
      assertEquals(csv.length, 7);
      assertMatch(csv[6], /^receive,6400,3,3,/);
      // Three sockets did it, and each exchange of warm-up and measurement came through them.
      await server.sees(/(benchmark_helper 101 1000[^\n]+\n[^]*){3}/);
      assertEquals(await barriers(page), []);
    },
  );
}

pageTest(
  "the benchmark stops when told, and tells what went wrong",
  "/_samples/benchmark",
  "phone",
  async (page, server) => {
    await prepare(page, { iterations: "10000", stop: "100" });
    await page.click("#send");
    await page.locator("#state", { hasText: "Send 100 B, 1 of 1" }).waitFor();
    assert(await page.isDisabled("#batch"));
    await page.click("#halt");
    await page.locator("#state", { hasText: "Stopped" }).waitFor();
    assertEquals(await page.locator("#rows tr").count(), 0);

    await page.fill("#url", `ws://localhost:${server.port}/_samples/echo`);
    await page.click("#receive");
    await state(page, "lost");
    assertEquals(await page.innerText("#note"), "It failed: the server says: receive 100 pattern.");
    await page.fill("#url", `ws://localhost:${server.port}/nowhere`);
    await page.check("#worker");
    await page.click("#receive");
    await page.locator("#note", { hasText: "the connection closed with 1006" }).waitFor();

    await page.fill("#stop", "50");
    assertMatch(await page.innerText("#sizes"), /do not fit/);
    await page.click("#batch");
    assertEquals(await page.innerText("#state"), "Failed", "it does not start");
    await prepare(page, { stop: "1600" });
    await page.fill("#url", `ws://localhost:${server.port}/_samples/benchmark_helper`);
    await page.click("#batch");
    await state(page, "done");
    assertEquals(await barriers(page), []);
  },
);
