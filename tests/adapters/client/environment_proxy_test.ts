import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { test } from "node:test";
import process from "node:process";
import { connect } from "../../../src/adapters/client.ts";
import { environmentProxy, isExempt } from "../../../src/adapters/node/environment_proxy.ts";
import { serve } from "../../../src/adapters/serve.ts";
import { startProxy } from "./support/proxy.ts";

const WS = { hostname: "a.example", port: 80, secure: false };
const WSS = { hostname: "a.example", port: 443, secure: true };

const FOUND: [
  environment: Record<string, string>,
  ws: string | undefined,
  wss: string | undefined,
][] = [
  [{}, undefined, undefined],
  [{ http_proxy: "http://p" }, "http_proxy http://p", undefined],
  [{ https_proxy: "http://p" }, undefined, "https_proxy http://p"],
  [{ HTTP_PROXY: "http://p" }, "HTTP_PROXY http://p", undefined],
  [{ HTTPS_PROXY: "http://p" }, undefined, "HTTPS_PROXY http://p"],
  [{ all_proxy: "http://p" }, "all_proxy http://p", "all_proxy http://p"],
  [{ ALL_PROXY: "p:3128" }, "ALL_PROXY http://p:3128", "ALL_PROXY http://p:3128"],
  [
    { https_proxy: "http://small", HTTPS_PROXY: "http://LARGE", all_proxy: "http://all" },
    "all_proxy http://all",
    "https_proxy http://small",
  ],
  [{ http_proxy: "", HTTP_PROXY: " http://p " }, "HTTP_PROXY http://p", undefined],
  [{ HTTP_PROXY: "http://evil", REQUEST_METHOD: "GET" }, undefined, undefined],
  [{ http_proxy: "http://p", REQUEST_METHOD: "GET" }, "http_proxy http://p", undefined],
  [{ all_proxy: "http://p", no_proxy: "a.example" }, undefined, undefined],
  [{ all_proxy: "http://p", NO_PROXY: "*" }, undefined, undefined],
  [{ all_proxy: "http://p", no_proxy: "a.example:443" }, "all_proxy http://p", undefined],
  [
    { all_proxy: "http://p", no_proxy: "b.example", NO_PROXY: "*" },
    "all_proxy http://p",
    "all_proxy http://p",
  ],
];

for (const [environment, ws, wss] of FOUND) {
  test(`the environment ${JSON.stringify(environment)} names the right proxy`, () => {
    const found = [WS, WSS].map((target) => {
      const proxy = environmentProxy(target, environment);
      return proxy && `${proxy.variable} ${proxy.url}`;
    });
    assertEquals(found, [ws, wss]);
  });
}

const EXEMPT: [list: string, yes: string[], no: string[]][] = [
  ["", [], ["a.example", "10.0.0.1", "::1"]],
  ["*", ["a.example", "10.0.0.1", "::1"], []],
  ["example.com", ["example.com", "EXAMPLE.com", "a.example.com", "example.com."], [
    "notexample.com",
    "example.com.evil",
    "com",
  ]],
  [".example.com", ["example.com", "a.b.example.com"], ["notexample.com"]],
  ["*.example.com", ["example.com", "a.b.example.com"], ["notexample.com"]],
  ["a.example, b.example\tc.example", ["a.example", "b.example", "c.example"], ["d.example"]],
  ["localhost,127.0.0.1", ["localhost", "127.0.0.1"], ["127.0.0.2", "::1"]],
  ["0.1", [], ["10.0.0.1"]], // no suffix of an address
  ["10.0.0.0/8", ["10.0.0.1", "10.255.255.255"], ["11.0.0.1", "::a00:1"]],
  ["192.168.1.128/25", ["192.168.1.200"], ["192.168.1.127"]],
  ["0.0.0.0/0", ["1.2.3.4"], ["::1"]],
  ["10.0.0.0/33,10.0.0.0/x,10.0.0.0/,300.0.0.1", [], ["10.0.0.0", "10.0.0.1"]],
  ["::1", ["::1"], ["::2"]],
  ["[::1]", ["::1"], ["::2"]],
  ["2001:DB8::/32", ["2001:db8::1", "2001:db8:ffff::"], ["2001:db9::1"]],
  ["[2001:db8::]/32", ["2001:db8::1"], ["2001:db9::1"]],
  ["10.0.0.1", ["::ffff:a00:1"], []],
  [",, ,.,*.", [], ["a.example", "10.0.0.1"]],
  ["a.example:80", ["a.example"], ["b.example"]],
  ["a.example:81,[::1]:81,10.0.0.1:81", [], ["a.example", "::1", "10.0.0.1"]],
  ["[::1]:80,10.0.0.1:80,11.0.0.0/8:80", ["::1", "10.0.0.1", "11.2.3.4"], ["10.0.0.2"]],
];

for (const [list, yes, no] of EXEMPT) {
  test(`no_proxy ${JSON.stringify(list)} exempts what it should`, () => {
    for (const host of yes) assertEquals([host, isExempt(host, 80, list)], [host, true]);
    for (const host of no) assertEquals([host, isExempt(host, 80, list)], [host, false]);
  });
}

/** Runs with environment variables, and nothing else of their kind. */
async function withEnvironment(
  variables: Record<string, string>,
  run: () => Promise<void>,
): Promise<void> {
  const before = new Map<string, string>();
  for (const name of Object.keys(process.env)) {
    if (!/^(https?|all|no)_proxy$/i.test(name)) continue;
    before.set(name, process.env[name]!);
    delete process.env[name];
  }
  Object.assign(process.env, variables);
  try {
    await run();
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
    for (const [name, value] of before) process.env[name] = value;
  }
}

test('proxy: "environment" goes where the environment says, and nothing else does', async () => {
  await using server = await serve({}, { port: 0 });
  const proxy = await startProxy();
  try {
    const variables = { HTTP_PROXY: proxy.url.replace("//", "//user:pw@") };
    await withEnvironment(variables, async () => {
      await (await connect(server.url)).close();
      assertEquals(proxy.heads.length, 0);
      await (await connect(server.url, { proxy: "environment" })).close();
      assertEquals(proxy.heads.length, 1);
      assertMatch(proxy.heads[0], /Proxy-Authorization: Basic/);
      process.env.no_proxy = "127.0.0.0/8";
      await (await connect(server.url, { proxy: "environment" })).close();
      assertEquals(proxy.heads.length, 1);
      delete process.env.no_proxy;
    });
    await withEnvironment({}, async () => {
      await (await connect(server.url, { proxy: "environment" })).close();
    });
    assertEquals(proxy.heads.length, 1);
  } finally {
    await proxy.close();
  }
});

test("a variable that names no HTTP proxy is named in the error", async () => {
  await withEnvironment({ ALL_PROXY: "socks5://user:secret@a:1080" }, async () => {
    const options = { proxy: "environment" };
    const error = await assertRejects(() => connect("ws://b.example/", options), TypeError);
    assertMatch(error.message, /^Cannot use the environment's ALL_PROXY: .*\.\/socks/);
  });
});
