/** What hostile clients and pages do; the server's answers, and what it keeps. */
import { test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { CloseInfo, WebSocketConnection } from "../../src/api/mod.ts";
import { connectFallback, FALLBACK_MODES } from "../../src/fallback/client/mod.ts";
import type { FallbackOptions } from "../../src/fallback/mod.ts";
import { head, RawPeer } from "../adapters/support/raw.ts";
import { Inbox, sleep, until, within } from "../adapters/support/waiting.ts";
import { type FallbackHost, HOSTS } from "./support/hosts.ts";

const echo = {
  message: (socket: WebSocketConnection, data: string | Uint8Array) => {
    socket.send(data);
  },
};

/** Makes a request of the fallback. */
function ask(host: FallbackHost, target: string, init: RequestInit = {}): Promise<Response> {
  return within(fetch(`${host.http}?fullduplex=${target}`, init), "an answer");
}

/** Opens a session by hand. */
async function open(host: FallbackHost, headers: Record<string, string> = {}): Promise<string> {
  const response = await ask(host, "open", { method: "POST", headers, body: `{"version":1}` });
  const text = await response.text();
  assertEquals(response.status, 200, text);
  return JSON.parse(text).session;
}

async function post(
  host: FallbackHost,
  session: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<[number, string]> {
  const response = await ask(host, `send.${session}`, { method: "POST", body, headers });
  return [response.status, await response.text()];
}

async function get(
  host: FallbackHost,
  target: string,
  init?: RequestInit,
): Promise<[number, string]> {
  const response = await ask(host, target, init);
  return [response.status, await response.text()];
}

for (const [name, start] of HOSTS) {
  const using = async (
    run: (host: FallbackHost) => Promise<void>,
    ...[handler, options]: Parameters<typeof start>
  ) => {
    const host = await start(handler, options);
    try {
      await run(host);
    } finally {
      await host.close();
    }
  };

  test(`${name}: ids are 128 random bits, and a guess finds nothing`, () =>
    using(async (host) => {
      const ids = new Set<string>();
      for (let n = 0; n < 50; n++) ids.add(await open(host));
      assertEquals(ids.size, 50);
      for (const id of ids) assertMatch(id, /^[0-9a-f]{32}$/);
      // Every bit takes both values: none of them counts, or tells the time.
      for (let at = 0; at < 32; at++) {
        assert(new Set([...ids].map((id) => id[at])).size > 8, `digit ${at} hardly varies`);
      }
      const [id] = ids;
      const near = (id[0] === "0" ? "1" : "0") + id.slice(1);
      for (
        const guess of [near, "", id.toUpperCase(), id.slice(0, 31), "__proto__", "constructor"]
      ) {
        if (guess === id) continue;
        assertEquals((await get(host, `poll.${guess}`))[0], 404, guess);
        assertEquals((await post(host, guess, `1 t"x"\n`))[0], 404, guess);
      }
    }, echo));

  test(`${name}: forged numbers change nothing`, () => {
    const seen: unknown[] = [];
    return using(async (host) => {
      const session = await open(host);
      assertEquals((await post(host, session, `2 t"too early"\n`))[0], 409);
      assertEquals((await post(host, session, `999999999999999 t"x"\n`))[0], 409);
      for (const seq of ["0", "-1", "01", "1.5", "1e3", "9999999999999999", "NaN", " 1", ""]) {
        assertEquals((await post(host, session, `${seq} t"x"\n`))[0], 400, seq);
      }
      for (const ack of ["1", "7", "999999999999999"]) {
        assertEquals((await post(host, session, `a${ack}\n`))[0], 400, ack);
        assertEquals((await get(host, `poll.${session}.${ack}`))[0], 400, ack);
        assertEquals((await get(host, `long-poll.${session}.${ack}`))[0], 400, ack);
      }
      for (const ack of ["-1", "x", "1e1", "00"]) {
        assertEquals((await get(host, `poll.${session}.${ack}`))[0], 400, ack);
      }
      const last = { headers: { "last-event-id": "5" } };
      assertEquals((await get(host, `poll.${session}`, last))[0], 400);
      assertEquals(await post(host, session, `1 t"one"\n`), [200, "a1\n"]);
      // The same again, and with more: what is known is dropped.
      assertEquals(await post(host, session, `1 t"another"\n`), [200, "a1\n"]);
      assertEquals(await post(host, session, `1 t"another"\n2 t"two"\n`), [200, "a2\n"]);
      // A gap in the middle: what is before it was taken, the rest was not.
      assertEquals((await post(host, session, `3 t"three"\n5 t"five"\n`))[0], 409);
      assertEquals(await post(host, session, `4 t"four"\n`), [200, "a4\n"]);
      assertEquals(seen, ["one", "two", "three", "four"]);
      // An old acknowledgement is one that was late.
      assertEquals(await get(host, `poll.${session}.3`), [200, `4 t"four"\n`]);
      assertEquals(await get(host, `poll.${session}.1`), [200, `4 t"four"\n`]);
    }, {
      message: (socket, data) => {
        seen.push(data);
        socket.send(data);
      },
    });
  });

  test(`${name}: malformed lines are refused as a whole, and the session lives on`, () => {
    const seen: unknown[] = [];
    return using(async (host) => {
      const session = await open(host);
      const bad = [
        `1 x"y"`,
        `1 t`,
        `1 t5`,
        `1 t"a"x`,
        `1 t["a"]`,
        `1 t"\\ud800"`,
        `1 b*`,
        `1 bA`,
        `1 c`,
        `1 c{}`,
        `1 c[1005,""]`,
        `1 c[1006,""]`,
        `1 c[999,""]`,
        `1 c[1000]`,
        `1 c[1000,5]`,
        `1 c[1000,"${"é".repeat(62)}"]`,
        `1 c[1e3,"a","b"]`,
        `1t"a"`,
        `t"a"`,
        `a`,
        `a-1`,
        `<html>`,
      ];
      for (const line of bad) {
        const [status] = await post(host, session, `1 t"good"\n${line}\n`);
        assertEquals(status, 400, line);
      }
      const half = `1 t"good"\n2 t"half`;
      assertEquals((await post(host, session, half))[0], 408, "a line without its end");
      const notUtf8 = await ask(host, `send.${session}`, {
        method: "POST",
        body: new Uint8Array([0x31, 0x20, 0x74, 0x22, 0xff, 0x22, 0x0a]),
      });
      assertEquals(notUtf8.status, 400);
      assertEquals(seen, []);
      assertEquals((await post(host, session, `1 T"a"\n2 B\n`))[0], 400, "a text goes on as bytes");
      assertEquals(await post(host, session, `2 T""\n3 t"b"\n`), [200, "a3\n"]);
      assertEquals(seen, ["ab"]);
    }, { message: (_, data) => void seen.push(data) });
  });

  test(`${name}: bodies that are too large, or do not come, are refused`, () =>
    using(
      async (host) => {
        const session = await open(host);
        await get(host, `poll.${session}`); // it is in use
        assertEquals((await post(host, session, `1 t"${"x".repeat(200_001)}"\n`))[0], 413);
        const large = new ReadableStream({
          pull: (controller) => controller.enqueue(new TextEncoder().encode("h\n".repeat(10_000))),
        });
        // Without a length; the runtime may cut the connection while it still sends.
        const endless = await ask(host, `send.${session}`, {
          method: "POST",
          body: large,
          duplex: "half",
        } as RequestInit).then((response) => response.status, () => "cut");
        assert(endless === 413 || endless === "cut", `${endless}`);
        const opening = await ask(host, "open", { method: "POST", body: "x".repeat(17_000) });
        assertEquals(opening.status, 413);
        await opening.body?.cancel();

        const slow = await RawPeer.connect(host.port);
        slow.write(head([
          `POST /chat?fullduplex=send.${session} HTTP/1.1`,
          "Host: 127.0.0.1",
          "Content-Length: 100",
        ]));
        slow.write(`1 t"never the rest`);
        const answer = await slow.readHead(5000);
        assertMatch(answer, /^HTTP\/1\.1 408/);
        slow.destroy();
        assertEquals(await post(host, session, `1 t"fine"\n`), [200, "a1\n"]);
      },
      echo,
      { maxRequestBytes: 200_000, handshakeTimeoutMs: 300 },
    ));

  test(`${name}: a flood of sessions ends at maxSessions, and those that do nothing soon go`, () => {
    const ends = new Inbox<CloseInfo>();
    return using(
      async (host) => {
        const answers = await Promise.all(
          Array.from(
            { length: 30 },
            () => ask(host, "open", { method: "POST", body: `{"version":1}` }),
          ),
        );
        for (const answer of answers) {
          await answer.body?.cancel();
        }
        const count = (status: number) => answers.filter((it) => it.status === status).length;
        assertEquals([count(200), count(503)], [10, 20]);
        assertEquals(answers.find((it) => it.status === 503)!.headers.get("retry-after"), "10");
        assertEquals(host.fallback.sessionCount, 10);
        // Long before sessionTimeoutMs.
        for (let n = 0; n < 10; n++) {
          assertEquals((await ends.next("the end", 5000)).error!.code, "WS_CONNECTION_LOST");
        }
        assertEquals([host.fallback.sessionCount, host.fallback.connections.size], [0, 0]);
        await open(host);
      },
      { close: (_, info) => ends.push(info) },
      { maxSessions: 10, handshakeTimeoutMs: 300 },
    );
  });

  test(`${name}: a session that is being decided on counts, too`, () =>
    using(
      async (host) => {
        const answers = Array.from(
          { length: 5 },
          () => ask(host, "open", { method: "POST", body: `{"version":1}` }),
        );
        const statuses: number[] = [];
        for (const answer of answers) {
          statuses.push((await answer).status);
          await (await answer).body?.cancel();
        }
        assertEquals(statuses.sort(), [200, 200, 503, 503, 503]);
      },
      echo,
      { maxSessions: 2, verify: () => sleep(200) },
    ));

  test(`${name}: of two requests for messages the later one gets them, and the first is ended`, () =>
    using(async (host) => {
      const session = await open(host);
      for (const [ack, mode] of ["long-poll", "xhr-stream"].entries()) {
        const first = get(host, `${mode}.${session}.${ack}.1`);
        await sleep(50);
        const second = get(host, `long-poll.${session}.${ack}.2`);
        await sleep(50);
        assertEquals((await within(first, "the end of the first"))[1].replace(/h *\n/g, ""), "");
        const [server] = host.fallback.connections;
        server.send(mode);
        const [status, text] = await within(second, "the message");
        assertEquals(status, 200);
        assert(text.endsWith(`t"${mode}"\n`), text);
      }
    }, echo));

  test(`${name}: a request for messages that is cut takes none with it`, () =>
    using(async (host) => {
      const session = await open(host);
      const [server] = host.fallback.connections;
      for (let n = 1; n <= 10; n++) {
        for (const mode of ["long-poll", "xhr-stream", "event-source", "htmlfile"]) {
          const peer = await RawPeer.connect(host.port);
          peer.write(head([
            `GET /chat?fullduplex=${mode}.${session}.${n - 1} HTTP/1.1`,
            "Host: 127.0.0.1",
          ]));
          await sleep(n);
          if (n % 2) peer.destroy();
          else peer.reset();
        }
        server.send(`${n}`); // while nobody, or somebody who has left, is there to take it
        const [, text] = await get(host, `long-poll.${session}.${n - 1}`);
        assertEquals(text, `${n} t"${n}"\n`);
      }
    }, echo));

  test(`${name}: a client that reads nothing is given up, and what it was sent is let go`, () => {
    const ends = new Inbox<CloseInfo>();
    return using(
      async (host) => {
        const session = await open(host);
        const peer = await RawPeer.connect(host.port);
        peer.write(
          head([`GET /chat?fullduplex=xhr-stream.${session} HTTP/1.1`, "Host: 127.0.0.1"]),
        );
        await peer.readHead();
        peer.pause();
        const [server] = host.fallback.connections;
        let sent = 0;
        const sending = (async () => {
          for (; sent < 1000; sent++) await server.send("x".repeat(64 * 1024));
        })().catch(() => {});
        await until(() => sent > 2, "some messages");
        const { error } = await ends.next("the end", 5000);
        assertEquals(error!.code, "WS_CONNECTION_LOST");
        await sending;
        assert(sent < 20, `${sent} messages of 64 KiB were taken for one that reads nothing`);
        assertEquals([server.bufferedAmount, host.fallback.sessionCount], [0, 0]);
        peer.destroy();
      },
      { close: (_, info) => ends.push(info) },
      { pollTimeoutMs: 200, sessionTimeoutMs: 600 },
    );
  });

  for (const mode of ["poll", "long-poll", "xhr-stream"]) {
    test(`${name}: a response of ${mode} ends at maxResponseBytes, and one record always fits`, () =>
      using(
        async (host) => {
          const session = await open(host);
          const [server] = host.fallback.connections;
          for (let n = 0; n < 50; n++) server.send("x".repeat(n === 20 ? 9000 : 500));
          server.close(); // or the last stream would not end
          for (let ack = 0; ack < 51;) {
            const [status, text] = await get(host, `${mode}.${session}.${ack}`);
            assertEquals(status, 200);
            const seqs = text.split("\n").map((line) => parseInt(line)).filter((seq) => seq > 0);
            assertEquals(seqs, seqs.map((_, at) => ack + 1 + at));
            assert(text.length < 5000 || seqs.length === 1, `${text.length} characters`);
            ack += seqs.length;
          }
        },
        {},
        { maxResponseBytes: 4000 },
      ));
  }

  test(`${name}: a response that waits outlives those who cut what is silent`, {
    skip: name === "node:http" && "serve() is one, too, and this takes its time",
  }, async () => {
    // Bun.serve does so after ten seconds.
    const ms = name === "Bun.serve" ? 12_000 : 5500;
    await using(async (host) => {
      const session = await open(host);
      const waiting = ["long-poll", "xhr-stream"].map(async (mode, at) => {
        const id = at === 0 ? session : await open(host);
        return (await get(host, `${mode}.${id}`))[1].match(/^h/gm)!.length;
      });
      await sleep(ms);
      for (const server of host.fallback.connections) {
        server.send("x");
        server.close();
      }
      for (const beats of waiting) assert(await beats >= 2, "no sign of life");
    }, {});
  });

  test(`${name}: a sender that never waits is cut at maxBufferedBytes`, () =>
    using(
      async (host) => {
        await open(host);
        const [server] = host.fallback.connections;
        let sent = 0;
        while (server.readyState === 1 && sent < 100_000) {
          server.send("");
          sent++;
        }
        // Empty ones cost something, too.
        assert(sent < 5000, `${sent} empty messages were kept`);
        assertEquals((await server.closed).error!.code, "WS_SEND_BUFFER_FULL");
        assertEquals(host.fallback.sessionCount, 0);
      },
      {},
      { maxBufferedBytes: 256 * 1024 },
    ));

  test(`${name}: who posts while nobody reads is held back, and keeps one body here`, () =>
    using(
      async (host) => {
        const session = await open(host);
        const line = (seq: number) => `${seq} t"${"x".repeat(30_000)}"\n`;
        const answeredAt: number[] = [];
        const begunAt = performance.now();
        const answers = await Promise.all(
          Array.from({ length: 8 }, async (_, n) => {
            await sleep(n * 20);
            const answer = await post(host, session, line(1) + line(2) + line(3) + line(4));
            answeredAt[n] = performance.now() - begunAt;
            return answer;
          }),
        );
        // All but the last gave way to a later one; the last waited for room until its time was up.
        for (const [status, text] of answers) {
          assertEquals(status, 200);
          assert(Number(text.slice(1)) < 4, text);
        }
        assert(answeredAt[6] < 1000 && answeredAt[7] > 1000, answeredAt.join());
        const [server] = host.fallback.connections;
        const seen: number[] = [];
        const rest = post(host, session, line(1) + line(2) + line(3) + line(4));
        for await (const message of server) {
          seen.push(message.length);
          if (seen.length === 4) break;
        }
        assertEquals(seen, [30_000, 30_000, 30_000, 30_000]);
        assertEquals(await rest, [200, "a4\n"]);
      },
      () => new Promise(() => {}),
      { highWaterMark: 16_000, pollTimeoutMs: 1500 },
    ));

  test(`${name}: single characters as fragments end at the limit of the message`, () =>
    using(
      async (host) => {
        const session = await open(host);
        for (let n = 0; n < 11; n++) {
          let body = "";
          for (let i = 1; i <= 1000; i++) body += `${n * 1000 + i} T"x"\n`;
          assertEquals((await post(host, session, body))[0], 200);
        }
        const [, text] = await get(host, `poll.${session}`);
        assertMatch(text, /^1 c\[1009,/);
      },
      echo,
      { maxMessageBytes: 10_000 },
    ));

  test(`${name}: no answer is for a cache or a sniffer, and refusals are no exception`, () =>
    using(async (host) => {
      const session = await open(host);
      const targets = [...FALLBACK_MODES, "poll.0", "send", "long-poll.x.y"].map((target) =>
        target.includes(".") || target === "send" ? target : `${target}.${session}`
      );
      for (const target of targets) {
        const controller = new AbortController();
        const { headers } = await ask(host, target, { signal: controller.signal });
        controller.abort();
        assert(headers.get("cache-control")!.includes("no-store"), target);
        assertEquals(headers.get("x-content-type-options"), "nosniff", target);
        assertEquals(headers.get("referrer-policy"), "no-referrer", target);
        assertMatch(headers.get("vary") ?? "", /origin/i, target);
        assertEquals(headers.get("access-control-allow-origin"), null, target);
      }
    }, echo));

  test(`${name}: methods, versions, modes and callbacks that are not offered are refused`, () =>
    using(
      async (host) => {
        const session = await open(host);
        assertEquals((await get(host, `send.${session}`))[0], 405);
        assertEquals((await get(host, "open"))[0], 405);
        const posted = await ask(host, `poll.${session}`, { method: "POST" });
        assertEquals([posted.status, posted.headers.get("allow")], [405, "GET, OPTIONS"]);
        await posted.body?.cancel();
        for (
          const body of ["", "{}", "null", "[]", `{"version":2}`, `{"version":1,"protocols":5}`]
        ) {
          const refused = await ask(host, "open", { method: "POST", body });
          await refused.body?.cancel();
          assertEquals(refused.status, 400, body);
        }
        const protocols = `{"version":1,"protocols":["a","b\\r\\nx: y"]}`;
        const refused = await ask(host, "open", { method: "POST", body: protocols });
        await refused.body?.cancel();
        assertEquals(refused.status, 400);
        assertEquals((await get(host, `event-source.${session}`))[0], 403);
        const bad = ["alert", "eval", "fullduplex_", "fullduplex_a-b", "document", "a".repeat(60)];
        for (const callback of bad) {
          assertEquals((await get(host, `htmlfile.${session}.0.1.${callback}`))[0], 400, callback);
        }
        const good = await ask(host, `htmlfile.${session}.0.1.fullduplex_take`);
        assertEquals(good.status, 200);
        await good.body?.cancel();
      },
      echo,
      { modes: ["poll", "htmlfile"] },
    ));

  test(`${name}: pages of other origins are refused unless they are listed`, () =>
    using(async (host) => {
      const body = `{"version":1}`;
      const from = (origin: string) => ({ headers: { origin }, method: "POST", body });
      for (
        const origin of [
          "https://evil.example",
          "null",
          `${host.origin}.evil.example`,
          host.origin.replace("http:", "https:").replace(/\d+$/, "1"),
          "https://listed.example",
        ]
      ) {
        const { status, headers } = await ask(host, "open", from(origin));
        assertEquals([status, headers.get("access-control-allow-origin")], [403, null], origin);
        const preflight = await ask(host, "open", { method: "OPTIONS", headers: { origin } });
        assertEquals(preflight.status, 403, origin);
        for (const it of [preflight]) await it.body?.cancel();
      }
      assertEquals(host.fallback.sessionCount, 0);
      assertEquals((await ask(host, "open", from(host.origin))).status, 200);
    }, echo));

  test(`${name}: a listed origin gets CORS fields, and nobody else has its session`, () => {
    const listed = "https://listed.example";
    const second = "https://second.example";
    const options: FallbackOptions = { origins: [listed, second], credentials: true };
    return using(
      async (host) => {
        const preflight = await ask(host, "open", {
          method: "OPTIONS",
          headers: {
            origin: listed,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization",
          },
        });
        assertEquals(preflight.status, 204);
        assertEquals(preflight.headers.get("access-control-allow-origin"), listed);
        assertEquals(preflight.headers.get("access-control-allow-credentials"), "true");
        assertMatch(preflight.headers.get("access-control-allow-headers")!, /authorization/);
        assertMatch(preflight.headers.get("access-control-allow-methods")!, /POST/);
        const session = await open(host, { origin: listed });
        const own = await ask(host, `poll.${session}`, { headers: { origin: listed } });
        assertEquals([own.status, own.headers.get("access-control-allow-origin")], [200, listed]);
        await own.body?.cancel();
        for (const origin of [second, "https://evil.example", "null"]) {
          const other = await ask(host, `poll.${session}`, { headers: { origin } });
          const allowed = other.headers.get("access-control-allow-origin");
          assertEquals([other.status, allowed], [403, null], origin);
          await other.body?.cancel();
          assertEquals((await post(host, session, `1 t"x"\n`, { origin }))[0], 403, origin);
        }
        // A page sees that its session is gone.
        const gone = await ask(host, `poll.${"0".repeat(32)}`, { headers: { origin: listed } });
        assertEquals([gone.status, gone.headers.get("access-control-allow-origin")], [404, listed]);
        await gone.body?.cancel();
      },
      echo,
      options,
    );
  });

  test(`${name}: the frame's document is for its page alone, and nothing breaks out of a script`, () => {
    const listed = "https://listed.example";
    return using(
      async (host) => {
        const session = await open(host, { origin: listed });
        const [server] = host.fallback.connections;
        server.send("</script><script>alert(1)</script><!-- \u2028 &amp;");
        server.close();
        const response = await ask(host, `htmlfile.${session}`);
        const policy = response.headers.get("content-security-policy")!;
        const text = await response.text();
        const nonce = /'nonce-([0-9a-f]{32})'/.exec(policy)![1];
        assertEquals(
          policy,
          `default-src 'none'; script-src 'nonce-${nonce}'; frame-ancestors ${listed}`,
        );
        assert(text.includes(`postMessage("fullduplex:"+l,"${listed}")`), text);
        // As many scripts as it has written itself.
        assertEquals(text.match(/<script/g)!.length, 3);
        assertEquals(text.match(/<\/script/g)!.length, 3);
        assertEquals(text.match(new RegExp(`<script nonce="${nonce}">`, "g"))!.length, 3);
        assert(!text.includes("<!--") && !text.includes("\u2028") && !text.includes("&"), text);
        const sandboxed = await open(host, { origin: "null" });
        assertEquals((await get(host, `htmlfile.${sandboxed}`))[0], 403);
      },
      {},
      { origins: [listed, "null"] },
    );
  });

  test(`${name}: verify sees the request of a WebSocket, and may answer for itself`, () => {
    const urls: string[] = [];
    return using(
      async (host) => {
        const url = `${host.http}?a=1&fullduplex=open&b=%20x`;
        const refused = await fetch(url, { method: "POST", body: `{"version":1}` });
        assertEquals([refused.status, await refused.text()], [401, "who are you?"]);
        assertEquals(refused.headers.get("x-reason"), "none");
        assertEquals(urls, [`GET ${host.http}?a=1&b=%20x`]);
        const headers = { authorization: "Bearer x" };
        const socket = await connectFallback(`${host.url}?a=1`, {
          headers,
          modes: ["long-poll"],
          protocols: ["a", "b"],
        });
        assertEquals(socket.protocol, "b");
        const [server] = host.fallback.connections;
        assertEquals([server.protocol, server.url], ["b", `${host.url}?a=1`]);
        assertEquals(server.request!.headers.get("content-type"), null);
        if (name === "node:http") assertEquals(server.remoteAddress, "127.0.0.1");
        await socket.close();
      },
      echo,
      {
        protocols: ["b"],
        verify: ({ method, url, headers }) => {
          urls.push(`${method} ${url}`);
          if (headers.get("authorization") === "Bearer x") return;
          return new Response("who are you?", { status: 401, headers: { "x-reason": "none" } });
        },
      },
    );
  });
}
