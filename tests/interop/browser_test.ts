/** The bundle for browsers in Chromium, where it is installed. */
import { after, before, describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { serve, type Server, type WebSocketConnection } from "../../src/adapters/serve.ts";
import { installedChromium, startChromium } from "../cli/chromium.ts";
import { bundle } from "../support/bundle.ts";
import { until } from "../adapters/support/waiting.ts";

const skip = installedChromium() === undefined && "there is no Chromium";

const BUNDLES = {
  "npm, by the condition browser": () => bundle(`export * from "fullduplex/client";`, "npm"),
  "JSR, ./browser": () => bundle(`export * from "fullduplex/browser";`, "jsr"),
  "JSR, ./client": () => bundle(`export * from "fullduplex/client";`, "jsr"),
};

/** Runs in the page: a reconnecting socket whose doings are in `log`. */
const OPEN = `
  log = [];
  natives = [];
  socket = new fullduplex.ReconnectingWebSocket(location.href.replace("http", "ws"), [], {
    initialDelayMs: 20,
    maxDelayMs: 50,
    reconnectCodes: [1001],
    resume: (inner) => {
      natives.push(inner instanceof WebSocket);
      inner.send("resumed");
    },
  });
  socket.addEventListener("reconnecting", ({ delayMs, cause }) =>
    log.push("lost " + cause.closeCode + (delayMs === Infinity ? ", offline" : "")));
  socket.onmessage = ({ data }) => log.push(data);
  socket.onclose = ({ code, wasClean }) => log.push("closed " + code + " " + wasClean);
  undefined`;

for (const [name, make] of Object.entries(BUNDLES)) {
  describe(`a bundle in Chromium (${name})`, { skip }, () => {
    let browser: Browser;
    let context: BrowserContext;
    let page: Page;
    let server: Server;
    let port = 0;
    /** The sockets that the page made, by the browser's own account. */
    let created = 0;
    const connections = () => [...server.connections] as WebSocketConnection[];

    const start = async () => {
      server = await serve({ message: (socket, data) => void socket.send(data) }, {
        port,
        fetch: () => new Response("<p>test", { headers: { "content-type": "text/html" } }),
      });
      port = server.port;
    };
    const log = () => page.evaluate<string[]>("log");
    const logged = async (...entries: string[]) => {
      let seen: string[] = [];
      const deadline = performance.now() + 15_000;
      while (seen.length < entries.length && performance.now() < deadline) {
        seen = await log();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assertEquals(seen.slice(0, entries.length), entries);
    };

    before(async () => {
      browser = (await startChromium())!;
      await start();
      context = await browser.newContext();
      page = await context.newPage();
      page.on("websocket", () => created++);
      await page.goto(`http://127.0.0.1:${port}/`);
      await page.addScriptTag({ content: `${make().code}; globalThis.fullduplex = fullduplex` });
    });
    after(async () => {
      await browser?.close();
      await server?.close();
    });

    test("survives a restart of the server and sends what waited in order", async () => {
      created = 0;
      await page.evaluate(`${OPEN}; socket.send("first"); undefined`);
      await logged("first");
      await server.close();
      await logged("first", "lost 1001");
      await page.evaluate(`for (let n = 0; n < 20; n++) socket.send("" + n); undefined`);
      await until(() => created > 2, "vain attempts");
      await page.evaluate(`log = []; undefined`); // the vain attempts
      await start();
      const sent = Array.from({ length: 20 }, (_, n) => `${n}`);
      await until(() => connections().length === 1, "connection");
      const lately = async () => (await log()).filter((entry) => !entry.startsWith("lost"));
      for (let tries = 0; (await lately()).length < 21 && tries < 500; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assertEquals(await lately(), ["resumed", ...sent]);
      assertEquals(await page.evaluate("natives"), [true]); // the browser's own
    });

    test("waits while the page is offline, and connects at once when it is not", async () => {
      await page.evaluate(`log = []; undefined`);
      await context.setOffline(true);
      for (const connection of connections()) connection.terminate();
      await logged("lost 1006, offline");
      const before = created;
      await new Promise((resolve) => setTimeout(resolve, 300));
      assertEquals(created, before);
      await context.setOffline(false);
      await logged("lost 1006, offline", "resumed");
      assertEquals(created, before + 1);
    });

    test("is over after a clean close by the server", async () => {
      await page.evaluate(`log = []; undefined`);
      const before = created;
      for (const connection of connections()) connection.close(4000, "enough");
      await logged("closed 4000 true");
      await new Promise((resolve) => setTimeout(resolve, 200));
      assertEquals(created, before);
    });

    test("a heartbeat keeps a connection that answers", async () => {
      await page.evaluate(`log = [];
        socket = new fullduplex.ReconnectingWebSocket(location.href.replace("http", "ws"), [], {
          heartbeat: { message: "beat", intervalMs: 30, timeoutMs: 10000 },
        });
        socket.onmessage = ({ data }) => log.push(data);
        socket.onclose = ({ code }) => log.push("closed " + code);
        undefined`);
      await page.waitForFunction("log.length >= 3");
      await page.evaluate("socket.close(1000); undefined");
      await page.waitForFunction(`log.at(-1) === "closed 1000"`);
    });

    const connects = name !== "JSR, ./client";
    test("connect() gives a connection over the browser's socket", async () => {
      const seen = await page.evaluate(`(async () => {
        try {
          const socket = await fullduplex.connect(location.href, { maxMessageBytes: 1 << 20 });
          const sent = ["text é", new Uint8Array([1, 2, 3]), new Uint8Array(500000).fill(7)];
          for (const message of sent) await socket.send(message);
          const seen = [];
          for await (const message of socket) {
            seen.push(typeof message === "string" ? message : message.length + ":" + message[0]);
            if (seen.length === sent.length) break;
          }
          await socket.close();
          let refusal = "none";
          await fullduplex.connect("/", { headers: {} }).catch((error) => refusal = error.name);
          return [socket.capabilities.engine, refusal, ...seen];
        } catch (error) {
          return error.name;
        }
      })()`);
      assertEquals(
        seen,
        connects ? ["browser", "TypeError", "text é", "3:1", "500000:7"] : "NotSupportedError", // without conditions ./client has the engine, for which there is no TCP
      );
    });

    test("WebSocket is the browser's own where the bundle is for browsers", async () => {
      const own = await page.evaluate("fullduplex.WebSocket === WebSocket");
      assertEquals(own, connects);
      if (connects) assert(await page.evaluate("fullduplex.WebSocketStream === WebSocketStream"));
    });
  });
}
