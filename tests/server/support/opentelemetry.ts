/**
 * An example: a log's records as OpenTelemetry spans and metrics, with its API alone.
 *
 * A span stands for a connection, from the opening request to the end. What fails is an exception of
 * it, and an error of its status. Messages are counted, and so are handshakes that failed.
 *
 * @module
 */

import { type Meter, type Span, SpanStatusCode, type Tracer } from "@opentelemetry/api";
import type { LogSink } from "../../../src/server/mod.ts";

/** Makes a sink that tells OpenTelemetry. */
export function openTelemetrySink(tracer: Tracer, meter: Meter): LogSink {
  const spans = new Map<number, Span>();
  const bytes = meter.createHistogram("websocket.message.size", { unit: "By" });
  const failures = meter.createCounter("websocket.handshake.failures");
  return (record) => {
    const { time, channel, connection, role, path, remoteAddress, durationMs = 0, code } = record;
    switch (channel) {
      case "connect":
        spans.set(
          connection!,
          tracer.startSpan(`websocket ${role}`, {
            startTime: time - durationMs,
            attributes: { "url.path": path, "client.address": remoteAddress },
          }),
        );
        break;
      case "messageHeader":
        bytes.record(record.length!, { direction: record.direction, type: record.type });
        break;
      case "fail":
        failures.add(1, { code });
        break;
      case "info":
      case "warn":
      case "error":
        spans.get(connection ?? 0)?.recordException(record.error as Error, time);
        spans.get(connection ?? 0)?.setStatus({ code: SpanStatusCode.ERROR, message: code });
        break;
      case "disconnect":
        spans.get(connection!)?.setAttribute("websocket.close_code", record.closeCode!).end(time);
        spans.delete(connection!);
    }
  };
}
