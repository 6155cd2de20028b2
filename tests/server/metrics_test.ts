import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect } from "../../src/adapters/client.ts";
import { serve } from "../../src/adapters/serve.ts";
import type { WebSocketConnection } from "../../src/api/connection.ts";
import { createMetrics, type Metrics, type MetricsOptions } from "../../src/server/mod.ts";
import { acceptPeer } from "../api/ends.ts";
import { clientClose, RawPeer } from "../adapters/support/raw.ts";
import { until, within } from "../adapters/support/waiting.ts";
import { readExposition } from "./support/exposition.ts";

/** Reads one number; `undefined` when there is no such sample. */
function value(
  metrics: Metrics,
  name: string,
  labels: Record<string, string> = { role: "server" },
): number | undefined {
  const families = readExposition(metrics.text());
  const family = families.get(name.replace(/_(bucket|sum|count)$/, "")) ?? families.get(name);
  return family?.samples.find((sample) =>
    sample.name === name &&
    JSON.stringify(Object.entries(sample.labels).sort()) ===
      JSON.stringify(Object.entries(labels).sort())
  )?.value;
}

test("metrics count connections, messages, bytes, pings, closes and errors", async () => {
  const metrics = createMetrics();
  const open: WebSocketConnection[] = [];
  await using server = await serve({
    open: (socket) => void open.push(socket),
    message: (socket, data) => void socket.send(data),
  }, {
    port: 0,
    pingIntervalMs: 0,
    observer: metrics,
    verify: (request) =>
      request.url.endsWith("/no") ? new Response("", { status: 403 }) : undefined,
    fetch: (request) =>
      new URL(request.url).pathname === "/metrics"
        ? metrics.fetch(request)
        : new Response("", { status: 404 }),
  });
  const client = createMetrics({ prefix: "" });
  const options = { observer: client, pingIntervalMs: 0 };
  const sockets = [await connect(server.url, options), await connect(server.url, options)];
  const [socket] = sockets;
  const messages = socket[Symbol.asyncIterator]();
  for (const data of ["hé", "abc", new Uint8Array(1000)]) {
    await socket.send(data);
    await within(messages.next(), "the echo");
  }
  await within(open[0].ping(), "the pong");
  await assertRejects(() => connect(`${server.url}/no`, options));
  await assertRejects(() => connect(`${server.url}/no`, options));
  const http = server.url.replace("ws", "http");
  await (await fetch(`${http}/else`)).text();

  const traffic = (direction: string, type: string) => ({ role: "server", direction, type });
  assertEquals(value(metrics, "fullduplex_connections_open"), 2);
  assertEquals(value(metrics, "fullduplex_connections_total"), 2);
  assertEquals(value(metrics, "fullduplex_messages_total", traffic("in", "text")), 2);
  assertEquals(value(metrics, "fullduplex_message_bytes_total", traffic("in", "text")), 6);
  assertEquals(value(metrics, "fullduplex_messages_total", traffic("out", "binary")), 1);
  assertEquals(value(metrics, "fullduplex_message_bytes_total", traffic("out", "binary")), 1000);
  assertEquals(value(metrics, "fullduplex_control_frames_total", traffic("out", "ping")), 1);
  assertEquals(value(metrics, "fullduplex_control_frames_total", traffic("in", "pong")), 1);
  assertEquals(value(metrics, "fullduplex_ping_round_trip_seconds_count"), 1);
  assert(value(metrics, "fullduplex_ping_round_trip_seconds_sum")! > 0);
  assertEquals(value(metrics, "fullduplex_handshake_duration_seconds_count"), 2);
  assertEquals(
    value(metrics, "fullduplex_handshakes_failed_total", {
      role: "server",
      code: "WS_VERIFY_REFUSED",
    }),
    2,
  );
  assertEquals(value(client, "connections_open", { role: "client" }), 2);
  assertEquals(
    value(client, "handshakes_failed_total", { role: "client", code: "WS_HANDSHAKE_REFUSED" }),
    2,
  );
  assertEquals(value(client, "connections_total"), 0);

  await within(socket.close(4321, ""), "the end");
  const broken = await RawPeer.open(server.port);
  broken.write(Uint8Array.of(0x83, 0x80, 0, 0, 0, 0));
  await broken.readToEnd();
  broken.destroy();
  sockets[1].terminate();
  await until(() => server.connections.size === 0, "end of all connections");
  const closes = (code: string) =>
    value(metrics, "fullduplex_closes_total", { role: "server", code });
  assertEquals([closes("4xxx"), closes("1006"), closes("4321")], [1, 2, undefined]);
  assertEquals(
    value(metrics, "fullduplex_errors_total", { role: "server", code: "WS_OPCODE_RESERVED" }),
    1,
  );
  assertEquals(value(metrics, "fullduplex_connections_open"), 0);
  assertEquals(value(metrics, "fullduplex_connections_total"), 3);

  const response = await fetch(`${http}/metrics`);
  assertEquals(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const read = readExposition(await response.text());
  assertEquals(read.get("fullduplex_http_requests_total")!.samples, [
    { name: "fullduplex_http_requests_total", labels: { code: "4xx" }, value: 1 },
  ]);
  assertEquals((await fetch(`${http}/metrics`, { method: "HEAD" })).status, 200);
  const refused = await fetch(`${http}/metrics`, { method: "POST", body: "x" });
  assertEquals([refused.status, refused.headers.get("allow")], [405, "GET, HEAD"]);
  await refused.body?.cancel();
});

test("buffered bytes are those that wait now, and none of what has ended", async () => {
  const metrics = createMetrics();
  const { socket, peer } = await acceptPeer({ observer: metrics });
  peer.stall();
  socket.send(new Uint8Array(100_000));
  const waiting = value(metrics, "fullduplex_buffered_bytes")!;
  assert(waiting >= 100_000 && waiting === socket.bufferedAmount, String(waiting));
  socket.terminate();
  await within(socket.closed, "the end");
  assertEquals(value(metrics, "fullduplex_buffered_bytes"), 0);
});

test("peers cannot make series: a thousand close codes are a few", async () => {
  const metrics = createMetrics();
  const lines = () => metrics.text().split("\n").length;
  const end = async (code: number) => {
    const { socket, peer } = await acceptPeer({ observer: metrics });
    peer.write(clientClose(code));
    peer.end();
    await within(socket.closed, "the end");
  };
  for (const code of [1000, 1001, 3000, 4000]) await end(code);
  const before = lines();
  for (let code = 3001; code < 3100; code++) await end(code);
  for (let code = 4001; code < 4100; code++) await end(code);
  assertEquals(lines(), before);
  for (const code of ["3xxx", "4xxx"]) {
    assertEquals(value(metrics, "fullduplex_closes_total", { role: "server", code }), 100);
  }
});

test("times fall into the right buckets, whose bounds belong to them", () => {
  const metrics = createMetrics();
  const connection = { id: 1, role: "server", url: "" } as Parameters<Metrics["roundTrip"]>[0];
  for (const ms of [1, 1.0001, 10, 19_999, 60_000]) metrics.roundTrip(connection, ms);
  const bucket = (le: string) =>
    value(metrics, "fullduplex_ping_round_trip_seconds_bucket", { role: "server", le });
  assertEquals(
    ["0.001", "0.0025", "0.005", "0.01", "10", "20", "+Inf"].map(bucket),
    [1, 2, 2, 3, 3, 4, 5],
  );
  assertEquals(value(metrics, "fullduplex_ping_round_trip_seconds_sum"), 80.0110001);
});

test("labels of one's own are escaped, and are on every sample", () => {
  const odd = 'a\\b "c"\nd{}=,é';
  const metrics = createMetrics({ prefix: "app:ws_", labels: { instance: odd, zone: "" } });
  const families = readExposition(metrics.text());
  assertEquals([...families.keys()].every((name) => name.startsWith("app:ws_")), true);
  const samples = [...families.values()].flatMap(({ samples }) => samples);
  assert(samples.length > 20);
  for (const { labels } of samples) assertEquals([labels.instance, labels.zone], [odd, ""]);
});

test("metrics refuse names that Prometheus would not read", () => {
  const wrong = (options: object) => () => createMetrics(options as MetricsOptions);
  for (const prefix of ["1a", "a-b", "a b", "é", 1]) {
    assertThrows(wrong({ prefix }), TypeError, '"prefix"');
  }
  for (const name of ["1a", "a-b", "a:b", "__a", "role", "le", "", "é"]) {
    assertThrows(wrong({ labels: { [name]: "x" } }), TypeError, `"${name}"`);
  }
  assertThrows(wrong({ labels: { a: 1 } }), TypeError, '"a"');
  assertThrows(wrong({ labels: null }), TypeError, '"labels"');
  assertThrows(wrong({ buckets: [] }), TypeError, '"buckets"');
});

const promtool = spawnSync("promtool", ["--version"]).status === 0;

test("Prometheus' own promtool finds nothing to complain about", {
  skip: !promtool && "promtool is not installed",
}, async () => {
  const metrics = createMetrics({ labels: { instance: 'a"\\\n' } });
  const { socket, peer } = await acceptPeer({ observer: metrics });
  socket.terminate();
  peer.destroy();
  await within(socket.closed, "the end");
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
    input: metrics.text(),
    encoding: "utf8",
  });
  assertEquals([status, stdout, stderr], [0, "", ""]);
});

test("the reader of these tests refuses what is not in the format", () => {
  const head = "# HELP a b\n# TYPE a counter\n";
  readExposition(`${head}a{b="c\\n\\"\\\\",d=""} 1e3\n`);
  const bad = [
    `${head}a 1`,
    `${head}a  1\n`,
    `${head}a x\n`,
    `${head}a -1\n`,
    `${head}a 1\na 2\n`,
    `${head}b 1\n`,
    `${head}a{b="c} 1\n`,
    `${head}a{b="\\x"} 1\n`,
    `${head}a{b="c" d="e"} 1\n`,
    `${head}a{1b="c"} 1\n`,
    `${head}a{b="c",b="d"} 1\n`,
    `${head}${head}a 1\n`,
    "a 1\n",
    "# TYPE a counter\na 1\n",
    "# HELP a b\n# TYPE a what\na 1\n",
    "# HELP a b\n# TYPE a histogram\na 1\n",
    '# HELP a b\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
    '# HELP a b\n# TYPE a histogram\na_bucket{le="1"} 1\na_sum 1\na_count 1\n',
    '# HELP a b\n# TYPE a histogram\na_bucket{le="+Inf"} 1\na_count 1\n',
  ];
  for (const text of bad) assertThrows(() => readExposition(text), Error, undefined, text);
});
