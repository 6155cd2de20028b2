/** All five modes in a real page. */
import { after, before, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { Browser, Page } from "playwright-core";
import type { WebSocketConnection } from "../../src/api/mod.ts";
import { FALLBACK_MODES } from "../../src/fallback/client/mod.ts";
import type { FallbackOptions } from "../../src/fallback/mod.ts";
import { within } from "../adapters/support/waiting.ts";
import { NO_CHROMIUM, startChromium } from "../cli/chromium.ts";
import { bundle } from "../support/bundle.ts";
import { type FallbackHost, HOSTS } from "./support/hosts.ts";

let browser: Browser;
let html = "";

before(async () => {
  if (NO_CHROMIUM) return;
  const { code, imports } = bundle(
    `export * from "fullduplex/fallback/client";
     export { ReconnectingWebSocket } from "fullduplex/client";`,
    "npm",
  );
  assertEquals(imports, []);
  const script = code.replaceAll("</script", "<\\/script");
  html = `<!doctype html><meta charset="utf-8"><body><script>${script}</script></body>`;
  browser = (await startChromium())!;
});
after(() => browser?.close());

const echo = {
  message: (socket: WebSocketConnection, data: string | Uint8Array) => {
    if (data === "close") socket.close(4002, "<b>über</b>");
    else socket.send(data);
  },
};

const page = () => new Response(html, { headers: { "content-type": "text/html" } });

/** Opens the page of a host. */
async function open(host: FallbackHost): Promise<Page> {
  const opened = await browser.newPage();
  await opened.goto(host.origin);
  return opened;
}

/** Runs a function in a page with one argument. */
function run<T>(page: Page, body: (...args: never[]) => Promise<T>, argument: unknown): Promise<T> {
  return within(
    page.evaluate(`(${body})(${JSON.stringify(argument)})`) as Promise<T>,
    "end of what the page does",
    60_000,
  );
}

// deno-lint-ignore no-explicit-any -- what the bundle makes
declare const fullduplex: any;

/** Sends texts and bytes, waits for their echo, and closes; in the page. */
async function talk(
  { url, modes, texts, credentials, end }: {
    url: string;
    modes?: string[];
    texts: string[];
    credentials?: string;
    end?: string;
  },
): Promise<{ seen: unknown[]; taken: string[]; info: unknown; pwned: unknown; frames: number }> {
  const taken: string[] = [];
  const socket = await fullduplex.connectFallback(url, {
    onMode: (mode: string) => taken.push(mode),
    ...modes && { modes },
    ...credentials && { credentials },
  });
  for (const text of texts) socket.send(text);
  socket.send(new Uint8Array(100_000).fill(200));
  const seen: unknown[] = [];
  for await (const message of socket) {
    if (typeof message === "string") seen.push(message);
    else seen.push([message.length, message.every((byte: number) => byte === 200)]);
    if (seen.length === texts.length + 1) break;
  }
  if (end !== undefined) socket.send(end);
  const info = await (end === undefined ? socket.close(4001, "done") : socket.closed);
  const { pwned } = globalThis as { pwned?: unknown };
  const frames = (globalThis as unknown as { length: number }).length;
  return { seen, taken, info, pwned, frames };
}

const TEXTS = [
  "hello",
  "",
  "é € \u{1f600} \u2028\u2029 \0 \r\n\n data: x",
  "</script><script>globalThis.pwned = 1; parent.pwned = 1</script><!--",
  "<img src=x onerror='parent.pwned = 1'>&quot;\\u003c",
  "é".repeat(50_000),
];

for (const [name, start] of HOSTS) {
  for (const mode of FALLBACK_MODES) {
    test(`${name}, ${mode}: Chromium talks and closes, whoever begins`, {
      skip: NO_CHROMIUM,
    }, async () => {
      const host = await start(echo, {}, { page });
      try {
        const opened = await open(host);
        for (const end of [undefined, "close"]) {
          const { seen, taken, info, pwned, frames } = await run(opened, talk, {
            url: host.url,
            modes: [mode],
            texts: TEXTS,
            end,
          });
          assertEquals(seen, [...TEXTS, [100_000, true]]);
          assertEquals(taken, [mode]);
          const [closeCode, reason] = end ? [4002, "<b>über</b>"] : [4001, "done"];
          assertEquals(info, { closeCode, reason, wasClean: true });
          assertEquals(pwned, undefined);
          assertEquals(frames, 0, "a frame was left behind");
        }
        await opened.close();
      } finally {
        await host.close();
      }
    });
  }
}

const [[, start]] = HOSTS;

test("Chromium goes from a WebSocket that is blocked to the first way that works", {
  skip: NO_CHROMIUM,
}, async () => {
  const host = await start(echo, {}, { page });
  try {
    const opened = await open(host);
    const { taken } = await run(opened, talk, { url: "/chat", texts: ["x"] });
    assertEquals(taken, ["event-source"]);
    await opened.close();
  } finally {
    await host.close();
  }
});

for (const mode of FALLBACK_MODES) {
  test(`Chromium, ${mode}: pages of a listed origin may, with cookies, and others may not`, {
    skip: NO_CHROMIUM,
  }, async () => {
    const pages = await start(echo, {}, { page });
    const cookies: (string | null)[] = [];
    const options: FallbackOptions = {
      origins: [pages.origin],
      credentials: true,
      verify: ({ headers }) => void cookies.push(headers.get("cookie")),
      headers: { "set-cookie": "seen=1; SameSite=Lax" },
    };
    const host = await start(echo, options, { page });
    const others = await start(echo, {}, { page });
    try {
      const good = await open(pages);
      for (const _ of [1, 2]) {
        const { seen, taken } = await run(good, talk, {
          url: host.url,
          modes: [mode],
          texts: TEXTS,
          credentials: "include",
        });
        assertEquals([seen.length, taken], [TEXTS.length + 1, [mode]]);
      }
      assertEquals(cookies, [null, "seen=1"]);
      await good.close();

      const bad = await open(others);
      const outcome = await run(
        bad,
        ({ url, modes }: { url: string; modes: string[] }) =>
          fullduplex.connectFallback(url, { modes }).then(
            () => "connected",
            (error: { code: string }) => error.code,
          ) as Promise<string>,
        { url: host.url, modes: [mode] },
      );
      assertEquals(outcome, "WS_CONNECT_FAILED"); // a browser hides why
      await bad.close();
      assertEquals(cookies.length, 2);
    } finally {
      for (const it of [pages, host, others]) await it.close();
    }
  });
}

test("Chromium: a frame of another session tells the page around it nothing", {
  skip: NO_CHROMIUM,
}, async () => {
  const host = await start({ open: (socket) => socket.send("secret") }, {}, { page });
  const evil = await start(echo, {}, { page });
  try {
    const opening = await fetch(`${host.http}?fullduplex=open`, {
      method: "POST",
      headers: { origin: host.origin },
      body: `{"version":1}`,
    });
    const { session } = await opening.json();
    const opened = await open(evil);
    const heard = await run(
      opened,
      (url: string) =>
        new Promise<unknown[]>((resolve) => {
          const heard: unknown[] = [];
          // deno-lint-ignore no-explicit-any -- a window
          const page = globalThis as any;
          page.addEventListener(
            "message",
            ({ data }: { data: unknown }) => void heard.push(data),
          );
          const frame = page.document.createElement("iframe");
          frame.src = url;
          frame.onload = () => setTimeout(() => resolve(heard), 200);
          page.document.body.appendChild(frame);
        }),
      `${host.http}?fullduplex=htmlfile.${session}`,
    );
    assertEquals(heard, []);
    await opened.close();
  } finally {
    await host.close();
    await evil.close();
  }
});

test("Chromium, htmlfile: what others post to the page is not taken for the frame's", {
  skip: NO_CHROMIUM,
}, async () => {
  const host = await start(echo, {}, { page });
  try {
    const opened = await open(host);
    const seen = await run(
      opened,
      async (url: string) => {
        const socket = await fullduplex.connectFallback(url, { modes: ["htmlfile"] });
        socket.send("one");
        const seen: unknown[] = [];
        for await (const message of socket) {
          seen.push(message);
          if (seen.length === 2) break;
          // deno-lint-ignore no-explicit-any -- a window
          const page = globalThis as any;
          page.postMessage('fullduplex:2 t"forged"', "*");
          const frame = page.document.createElement("iframe");
          frame.srcdoc = `<script>parent.postMessage('fullduplex:2 t"forged"', "*")</` + "script>";
          page.document.body.appendChild(frame);
          await new Promise((resolve) => frame.onload = () => setTimeout(resolve, 50));
          socket.send("two");
        }
        await socket.close();
        return seen;
      },
      host.url,
    );
    assertEquals(seen, ["one", "two"]);
    await opened.close();
  } finally {
    await host.close();
  }
});

test("Chromium: ReconnectingWebSocket takes FallbackWebSocket", {
  skip: NO_CHROMIUM,
}, async () => {
  const host = await start(echo, {}, { page });
  try {
    const opened = await open(host);
    const seen = await run(
      opened,
      (url: string) =>
        new Promise<unknown[]>((resolve) => {
          const seen: unknown[] = [];
          const socket = new fullduplex.ReconnectingWebSocket(url, [], {
            WebSocket: fullduplex.FallbackWebSocket,
            socketOptions: { modes: ["xhr-stream"] },
          });
          socket.binaryType = "arraybuffer";
          socket.send("before it is open");
          socket.onopen = () => socket.send(new Uint8Array([1, 2, 3]));
          socket.onmessage = ({ data }: { data: string | ArrayBuffer }) => {
            seen.push(typeof data === "string" ? data : data.byteLength);
            if (seen.length === 2) socket.close(1000);
          };
          socket.onclose = ({ code }: { code: number }) => resolve([...seen, code]);
        }),
      host.url,
    );
    assertEquals(seen.length, 3);
    assert(seen.includes("before it is open") && seen.includes(3));
    assertEquals(seen[2], 1000);
    await opened.close();
  } finally {
    await host.close();
  }
});
