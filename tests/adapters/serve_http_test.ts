import { assert, assertEquals, assertMatch } from "@std/assert";
import { test } from "node:test";
import { type FetchHandler, serve } from "../../src/adapters/serve.ts";
import { head, RawPeer, requestLines } from "./support/raw.ts";
import { Inbox, sleep, until, within } from "./support/waiting.ts";

/** Serves HTTP and gives its origin. */
async function withFetch(
  fetch: FetchHandler | undefined,
  run: (origin: string, port: number, errors: unknown[]) => Promise<void>,
): Promise<void> {
  const errors: unknown[] = [];
  const server = await serve({}, {
    port: 0,
    closeTimeoutMs: 500,
    onError: (error) => errors.push(error),
    ...(fetch === undefined ? {} : { fetch }),
  });
  try {
    await run(server.url.replace("ws", "http"), server.port, errors);
  } finally {
    await within(server.close(), "end of the server");
  }
}

/** Asks in raw bytes; what came until the server ended it. */
async function ask(port: number, ...lines: string[]): Promise<string> {
  const peer = await RawPeer.connect(port);
  peer.write(head([...lines, "Connection: close"]));
  const answer = await peer.readToEnd();
  peer.destroy();
  return answer;
}

test("a plain request without fetch is answered with 426 and Upgrade", async () => {
  await withFetch(undefined, async (origin, port) => {
    const response = await fetch(origin);
    assertEquals([response.status, await response.text()], [
      426,
      "This server speaks WebSocket only\n",
    ]);
    // RFC 9110 §15.5.22: "The server MUST send an Upgrade header field in a 426 response"
    const answer = await ask(port, "GET / HTTP/1.1", "Host: x");
    assertMatch(answer, /^HTTP\/1\.1 426 [^]*\r\nupgrade: websocket\r\n/i);
  });
});

test("a GET reaches fetch with its URL and headers, and the answer goes back", async () => {
  await withFetch(
    (request) =>
      new Response(`${request.method} ${request.url} ${request.headers.get("x-a")}`, {
        status: 203,
        statusText: "Fine",
        headers: { "X-B": "2" },
      }),
    async (origin, port) => {
      const response = await fetch(`${origin}/p?q=1`, { headers: { "X-A": "1" } });
      assertEquals(await response.text(), `GET ${origin}/p?q=1 1`);
      assertEquals([response.status, response.headers.get("x-b")], [203, "2"]);
      assertMatch(await ask(port, "GET / HTTP/1.1", "Host: x"), /^HTTP\/1\.1 203 Fine\r\n/);
    },
  );
});

test("a POST's body reaches fetch, also in chunks", async () => {
  await withFetch(
    async (request) => new Response(`${(await request.bytes()).length}`),
    async (origin, port) => {
      const body = new Uint8Array(300_000);
      assertEquals(await (await fetch(origin, { method: "POST", body })).text(), "300000");
      const peer = await RawPeer.connect(port);
      peer.write(head([
        "POST / HTTP/1.1",
        "Host: x",
        "Transfer-Encoding: chunked",
        "Connection: close",
      ]));
      peer.write("5\r\nhello\r\n");
      await sleep(20);
      peer.write("3\r\nabc\r\n0\r\n\r\n");
      assertMatch(await peer.readToEnd(), /^HTTP\/1\.1 200 [^]*\r\n\r\n(1\r\n)?8/);
      peer.destroy();
    },
  );
});

test("a body that fetch does not read does no harm", async () => {
  await withFetch(() => new Response("no, thanks"), async (origin) => {
    for (const size of [1, 100_000]) {
      const body = new Uint8Array(size);
      const response = await fetch(origin, { method: "POST", body });
      assertEquals(await response.text(), "no, thanks");
    }
  });
});

test("a streamed response arrives piece by piece", async () => {
  const controllers = new Inbox<ReadableStreamDefaultController<Uint8Array>>();
  await withFetch(() =>
    new Response(
      new ReadableStream({
        start(controller) {
          controllers.push(controller);
        },
      }),
    ), async (origin) => {
    const response = await fetch(origin);
    const controller = await controllers.next();
    const reader = response.body!.getReader();
    for (const piece of ["one", "two"]) {
      controller.enqueue(new TextEncoder().encode(piece));
      const { value } = await within(reader.read(), "piece");
      assertEquals(new TextDecoder().decode(value), piece);
    }
    controller.close();
    assertEquals((await within(reader.read(), "end")).done, true);
  });
});

test("a client that does not read holds a streamed response back", async () => {
  let pulled = 0;
  const most = 64 << 20;
  let cancelled = false;
  await withFetch(() =>
    new Response(
      new ReadableStream<Uint8Array>({
        pull(controller) {
          if (pulled >= most) return controller.close();
          pulled += 65536;
          controller.enqueue(new Uint8Array(65536));
        },
        cancel() {
          cancelled = true;
        },
      }),
    ), async (_origin, port) => {
    const peer = await RawPeer.connect(port);
    peer.write(head(["GET / HTTP/1.1", "Host: x"]));
    await peer.readBytes(1);
    peer.pause();
    let last = -1;
    while (last !== pulled) {
      last = pulled;
      await sleep(300);
    }
    assert(pulled < most, "everything was taken from the source");
    peer.destroy();
    await until(() => cancelled, "end of the source");
  });
});

test("a client that leaves cancels the body, also while that has nothing to give", async () => {
  const cancelled = new Inbox<string>();
  await withFetch(() =>
    new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode("start"));
        },
        cancel() {
          cancelled.push("cancelled");
        },
      }),
    ), async (_origin, port, errors) => {
    const peer = await RawPeer.connect(port);
    peer.write(head(["GET / HTTP/1.1", "Host: x"]));
    await peer.readHead();
    peer.destroy();
    await cancelled.next("cancelling of the body");
    await sleep(20);
    assertEquals(errors, []);
  });
});

test("a request whose client leaves aborts its signal", async () => {
  const aborted = new Inbox<string>();
  await withFetch(async (request) => {
    await new Promise<void>((resolve) =>
      request.signal.addEventListener("abort", () => {
        aborted.push("aborted");
        resolve();
      })
    );
    return new Response("too late");
  }, async (_origin, port) => {
    const peer = await RawPeer.connect(port);
    peer.write(head(["GET / HTTP/1.1", "Host: x"]));
    await sleep(50);
    peer.destroy();
    await aborted.next("abort");
  });
});

for (
  const [what, handler] of Object.entries<FetchHandler>({
    throws() {
      throw new Error("secret detail");
    },
    rejects: () => Promise.reject(new Error("secret detail")),
    "gives no Response": () => "text" as unknown as Response,
  })
) {
  test(`a fetch that ${what} is answered with 500 and reported to onError`, async () => {
    await withFetch(handler, async (origin, _port, errors) => {
      const response = await fetch(origin);
      assertEquals(response.status, 500);
      assert(!(await response.text()).includes("secret"));
      assertEquals(errors.length, 1);
      assertMatch((errors[0] as Error).message, /secret detail|must return a Response/);
    });
  });
}

test("a body that fails is cut short and reported to onError", async () => {
  await withFetch(() => {
    let pieces = 0;
    return new Response(
      new ReadableStream({
        pull(controller) {
          if (pieces++ === 0) controller.enqueue(new TextEncoder().encode("start"));
          else controller.error(new Error("disk is gone"));
        },
      }),
    );
  }, async (_origin, port, errors) => {
    const peer = await RawPeer.connect(port);
    peer.write(head(["GET / HTTP/1.1", "Host: x"]));
    const answer = await peer.readToEnd();
    assert(!answer.endsWith("0\r\n\r\n"), "it looks whole");
    await until(() => errors.length > 0, "report");
    assertEquals((errors[0] as Error).message, "disk is gone");
    peer.destroy();
  });
});

test("several cookies stay several fields", async () => {
  await withFetch(() => {
    const headers = new Headers();
    headers.append("Set-Cookie", "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT");
    headers.append("Set-Cookie", "b=2");
    return new Response("ok", { headers });
  }, async (_origin, port) => {
    const answer = await ask(port, "GET / HTTP/1.1", "Host: x");
    assertEquals(
      answer.split("\r\n").filter((line) => /^set-cookie:/i.test(line)).map((line) =>
        line.slice(line.indexOf(":") + 1).trim()
      ),
      ["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2"],
    );
  });
});

test("HEAD gets the head and no body", async () => {
  await withFetch(
    (request) => new Response(`body of ${request.method}`, { headers: { "X-A": "1" } }),
    async (_origin, port) => {
      const answer = await ask(port, "HEAD / HTTP/1.1", "Host: x");
      assertMatch(answer, /^HTTP\/1\.1 200 [^]*\r\nx-a: 1\r\n/i);
      assert(answer.endsWith("\r\n\r\n"), answer);
    },
  );
});

test("204 and 304 have no body", async () => {
  await withFetch(
    (request) => new Response(null, { status: request.url.endsWith("204") ? 204 : 304 }),
    async (_origin, port) => {
      for (const status of [204, 304]) {
        const answer = await ask(port, `GET /${status} HTTP/1.1`, "Host: x");
        assertMatch(answer, new RegExp(`^HTTP/1.1 ${status} [^]*\\r\\n\\r\\n$`));
      }
    },
  );
});

test("one connection serves several requests, and then a WebSocket", async () => {
  await withFetch((request) => new Response(new URL(request.url).pathname), async (_o, port) => {
    const peer = await RawPeer.connect(port);
    for (const path of ["/one", "/two"]) {
      peer.write(head([`GET ${path} HTTP/1.1`, "Host: x"]));
      await peer.readHead();
      await until(() => peer.text.includes(path), "body");
      await until(() => /\r\n0\r\n\r\n$/.test(peer.text) || peer.text === path, "end of the body");
      peer.chunks.length = 0;
    }
    peer.write(head(requestLines()));
    assertMatch(await peer.readHead(), /^HTTP\/1\.1 101 /);
    peer.destroy();
  });
});

test("requests that no handler should see are refused", async () => {
  const seen: string[] = [];
  await withFetch((request) => {
    seen.push(request.url);
    return new Response("seen");
  }, async (_origin, port) => {
    const smuggled = await RawPeer.connect(port);
    smuggled.write(head([
      "POST / HTTP/1.1",
      "Host: x",
      "Content-Length: 4",
      "Transfer-Encoding: chunked",
      "Connection: close",
    ]));
    smuggled.write("0\r\n\r\n");
    assertMatch(await smuggled.readToEnd(), /^HTTP\/1\.1 400 /);
    smuggled.destroy();
    for (const lines of [["GET / HTTP/1.1"], ["GET / HTTP/1.1", "Host: a b"]]) {
      assertMatch(await ask(port, ...lines), /^HTTP\/1\.1 400 /);
    }
    assertEquals(seen, []);
  });
});
