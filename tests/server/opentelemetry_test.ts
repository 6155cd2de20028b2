import { test } from "node:test";
import { SpanStatusCode } from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../src/adapters/client.ts";
import { serve } from "../../src/adapters/serve.ts";
import { createLog } from "../../src/server/mod.ts";
import { RawPeer } from "../adapters/support/raw.ts";
import { until, within } from "../adapters/support/waiting.ts";
import { openTelemetrySink } from "./support/opentelemetry.ts";

test("a log's records become spans and metrics of OpenTelemetry's SDK", async () => {
  const exported = new InMemorySpanExporter();
  const tracers = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exported)] });
  const measured = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({
    exporter: measured,
    exportIntervalMillis: 3_600_000,
  });
  const meters = new MeterProvider({ readers: [reader] });
  const log = createLog({
    channels: ["connect", "disconnect", "fail", "messageHeader", "info", "warn", "error"],
    sink: openTelemetrySink(tracers.getTracer("test"), meters.getMeter("test")),
  });
  const server = await serve({ message: (socket, data) => void socket.send(data) }, {
    port: 0,
    observer: log,
    verify: ({ url }) => url.endsWith("/no") ? new Response("", { status: 403 }) : undefined,
  });
  const before = Date.now();
  const socket = await connect(`${server.url}/chat?token=1`);
  await socket.send("hello");
  await within(socket[Symbol.asyncIterator]().next(), "the echo");
  await within(socket.close(3000), "the end");
  const broken = await RawPeer.open(server.port);
  broken.write(Uint8Array.of(0x83, 0x80, 0, 0, 0, 0));
  await broken.readToEnd();
  broken.destroy();
  await assertRejects(() => connect(`${server.url}/no`));
  await until(() => exported.getFinishedSpans().length === 2, "both spans");
  await server.close();

  const [good, bad] = exported.getFinishedSpans();
  assertEquals([good.name, good.attributes["url.path"]], ["websocket server", "/chat"]);
  assertEquals(good.attributes["websocket.close_code"], 3000);
  assertEquals(good.status.code, SpanStatusCode.UNSET);
  const start = good.startTime[0] * 1000 + good.startTime[1] / 1e6;
  const end = good.endTime[0] * 1000 + good.endTime[1] / 1e6;
  assert(start >= before - 50 && start <= end && end <= Date.now() + 50, `${start} ${end}`);
  assertEquals(bad.status, { code: SpanStatusCode.ERROR, message: "WS_OPCODE_RESERVED" });
  assertEquals(bad.events.map(({ name }) => name), ["exception"]);

  await meters.forceFlush();
  const metrics = measured.getMetrics().flatMap(({ scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) => metrics)
  );
  const points = metrics.map(({ descriptor, dataPoints }) => [
    descriptor.name,
    dataPoints.map(({ attributes, value }) => [
      attributes,
      typeof value === "number" ? value : value.sum,
    ]),
  ]);
  assertEquals(points, [
    ["websocket.message.size", [
      [{ direction: "in", type: "text" }, 5],
      [{ direction: "out", type: "text" }, 5],
    ]],
    ["websocket.handshake.failures", [[{ code: "WS_VERIFY_REFUSED" }, 1]]],
  ]);
  await Promise.all([tracers.shutdown(), meters.shutdown()]);
});
