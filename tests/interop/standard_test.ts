import { test } from "node:test";
import { WebSocket as UndiciWebSocket } from "undici";
import { RUNTIME_VERSION } from "../adapters/support/runtime.ts";
import { standardClient, type StandardWebSocket } from "./peers/standard.ts";
import { testPeerClient } from "./suite.ts";

testPeerClient(standardClient("undici", UndiciWebSocket as StandardWebSocket), { status: false });

const OwnWebSocket = (globalThis as { WebSocket?: StandardWebSocket }).WebSocket;
if (OwnWebSocket !== undefined) {
  testPeerClient(standardClient(RUNTIME_VERSION, OwnWebSocket), { status: false });
} else {
  test(`not run: ${RUNTIME_VERSION} has no WebSocket of its own (Node has one since 22)`, () => {});
}
