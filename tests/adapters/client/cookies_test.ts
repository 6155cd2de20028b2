import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { test } from "node:test";
import { connect, type ConnectOptions, type CookieStore } from "../../../src/adapters/client.ts";
import { serve } from "../../../src/adapters/serve.ts";
import { acceptance, head, listenRaw } from "../support/raw.ts";
import { until, within } from "../support/waiting.ts";
import { failing } from "./support/failing.ts";

/** A jar that keeps everything and writes down what it is asked. */
class Jar implements CookieStore {
  cookies: string[] = [];
  calls: string[] = [];

  // As with a real jar, the functions of the option are made of its methods: own properties.
  readonly option: CookieStore = {
    getCookies: (url) => this.getCookies(url),
    setCookies: (url, lines) => this.setCookies(url, lines),
  };

  getCookies(url: string): Promise<string> {
    this.calls.push(`get ${url}`);
    return Promise.resolve(this.cookies.join("; "));
  }

  setCookies(url: string, lines: string[]): void {
    this.calls.push(`set ${url} ${lines.join(" | ")}`);
    this.cookies.push(...lines.map((line) => line.split(";")[0]));
  }
}

/** A server that answers by path, and writes down the Cookie fields it got. */
async function withServer(run: (url: string, cookies: string[]) => Promise<void>): Promise<void> {
  const cookies: string[] = [];
  const server = await listenRaw(async (peer) => {
    const request = await peer.readHead();
    cookies.push([...request.matchAll(/^cookie: (.*)$/gim)].map((match) => match[1]).join(" & "));
    const path = request.split(" ")[1];
    const set =
      "Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2, 3; Expires=Wed, 01 Jan 2098 00:00:00 GMT";
    const lines = {
      "/open": [...await acceptance(request), set, "X-Own: yes"].join("\r\n"),
      "/go": `HTTP/1.1 302 Go\r\n${set}\r\nLocation: /plain\r\nContent-Length: 0`,
      "/no": `HTTP/1.1 401 No\r\n${set}\r\nContent-Length: 0`,
    }[path] ?? (await acceptance(request)).join("\r\n");
    peer.write(head([lines]));
  });
  try {
    await run(server.url, cookies);
    await until(() => server.peers.every((peer) => peer.gone), "end of the sockets", 5000);
  } finally {
    await server.close();
  }
}

async function open(url: string, options: ConnectOptions): Promise<Headers> {
  const socket = await within(connect(url, options), "connection");
  socket.terminate();
  return socket.responseHeaders!;
}

test("a jar gets what the 101 sets, each field by itself, and gives it to the next request", async () => {
  await withServer(async (url, cookies) => {
    const jar = new Jar();
    await open(`${url}/open`, { cookies: jar.option });
    await open(`${url}/plain`, { cookies: jar.option });
    assertEquals(cookies, ["", "a=1; b=2, 3"]);
    const http = url.replace("ws:", "http:");
    assertEquals(jar.calls, [
      `get ${http}/open`,
      `set ${http}/open a=1; Path=/ | b=2, 3; Expires=Wed, 01 Jan 2098 00:00:00 GMT`,
      `get ${http}/plain`,
    ]);
  });
});

test("a jar gets what redirects and refusals set", async () => {
  await withServer(async (url, cookies) => {
    const jar = new Jar();
    await open(`${url}/go`, { cookies: jar.option, maxRedirects: 1 });
    assertEquals(cookies, ["", "a=1; b=2, 3"]);
    const other = new Jar();
    const error = await failing(`${url}/no`, { cookies: other.option });
    assertEquals(error.status, 401);
    assertEquals(other.cookies, ["a=1", "b=2, 3"]);
  });
});

test("a jar's cookies go out behind those of the headers, in one field", async () => {
  await withServer(async (url, cookies) => {
    const store = { getCookies: () => "jar=1", setCookies() {} };
    await open(`${url}/plain`, { headers: { Cookie: "own=1" }, cookies: store });
    await open(`${url}/plain`, { headers: { Cookie: "own=1" } });
    await open(`${url}/plain`, { cookies: { ...store, getCookies: () => undefined } });
    assertEquals(cookies, ["own=1; jar=1", "own=1", ""]);
  });
});

test("the response's header fields are there to be read", async () => {
  await withServer(async (url) => {
    const headers = await open(`${url}/open`, {});
    assertEquals(headers.get("x-own"), "yes");
    assertEquals(headers.getSetCookie().length, 2);
  });
  const sockets: unknown[] = [];
  await using server = await serve(
    { open: (socket) => void sockets.push(socket.responseHeaders) },
    {
      port: 0,
    },
  );
  await using _socket = await connect(server.url);
  await until(() => sockets.length > 0, "connection");
  assertEquals(sockets, [undefined]);
});

const BAD: Record<string, CookieStore> = {
  "getCookies throws": {
    getCookies: () => {
      throw new Error("jar is broken");
    },
    setCookies() {},
  },
  "getCookies rejects": {
    getCookies: () => Promise.reject(new Error("jar is broken")),
    setCookies() {},
  },
  "getCookies gives a line break": { getCookies: () => "a=1\r\nX: y", setCookies() {} },
  "getCookies gives a number": { getCookies: () => 5 as unknown as string, setCookies() {} },
  "setCookies throws": {
    getCookies: () => "",
    setCookies() {
      throw new Error("jar is broken");
    },
  },
  "setCookies rejects": {
    getCookies: () => "",
    setCookies: () => Promise.reject(new Error("jar is broken")),
  },
};

for (const [what, cookies] of Object.entries(BAD)) {
  test(`when ${what}, the connection fails`, async () => {
    await withServer(async (url) => {
      const error = await failing(`${url}/open`, { cookies });
      assertEquals(error.code, "WS_COOKIES_FAILED");
      assert(error.cause instanceof Error);
    });
  });
}

test("a jar that never answers is waited for no longer than the handshake", async () => {
  await withServer(async (url) => {
    const never = new Promise<never>(() => {});
    const jars = [
      { getCookies: () => never, setCookies() {} },
      { getCookies: () => "", setCookies: () => never },
    ];
    for (const cookies of jars) {
      const error = await failing(`${url}/open`, { cookies, handshakeTimeoutMs: 200 });
      assertEquals(error.code, "WS_HANDSHAKE_TIMEOUT");
    }
  });
});

const WRONG: [value: unknown, message: RegExp][] = [
  [true, /expected an object, got boolean/],
  [{}, /getCookies must be a function, got undefined/],
  [{ getCookies() {} }, /setCookies must be a function/],
  [{ getCookies() {}, setCookies() {}, jar: 1 }, /option "jar": it does not exist/],
];

for (const [value, message] of WRONG) {
  test(`the cookies option ${JSON.stringify(value)} is refused`, async () => {
    const options = { cookies: value } as ConnectOptions;
    const error = await assertRejects(() => connect("ws://127.0.0.1:1/", options), TypeError);
    assertMatch(error.message, message);
  });
}
