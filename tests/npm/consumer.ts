// A stranger's TypeScript: compiled with "tsc --strict" against the installed package, without any
// ambient types but the DOM's (scripts/test_package.ts). No node: imports here: see consumer_node.ts.
import {
  type CloseInfo,
  HandshakeError,
  type WebSocketConnection,
  WebSocketError,
  type WebSocketErrorCode,
} from "fullduplex";
import { connect } from "fullduplex/client";
import { serve } from "fullduplex/serve";
import { acceptWebSocket } from "fullduplex/stream";

interface Member {
  name: string;
}

export async function echo(socket: WebSocketConnection<Member>): Promise<void> {
  socket.data = { name: "someone" };
  for await (const message of socket) {
    const copy: string | Uint8Array = message;
    await socket.send(copy);
  }
  const info: CloseInfo = await socket.closed;
  console.log(info.closeCode, info.error?.code);
}

export async function main(): Promise<void> {
  const server = await serve(echo, { port: 0, headers: { "x-served-by": "me" } });
  try {
    const socket = await connect(server.url, { signal: AbortSignal.timeout(1000) });
    const full: boolean = socket.trySend("now or never");
    const roundTripMs: number = await socket.ping();
    console.log(full, roundTripMs);
    for await (const { type, body } of socket.messages()) {
      if (type === "text") { for await (const text of body) console.log(text.toUpperCase()); }
      else for await (const bytes of body) console.log(bytes.byteLength);
    }
    await socket.close(3000, "done");
  } catch (error) {
    if (error instanceof HandshakeError) console.log(error.status, error.headers.get("x"));
  }
  await server.close();
}

export const accepting: Promise<WebSocketConnection> = acceptWebSocket(
  new TransformStream<Uint8Array, Uint8Array>(),
  { maxMessageBytes: Infinity },
);

const code: WebSocketErrorCode = "WS_RSV1_UNEXPECTED";
const error = new WebSocketError("Cannot decode frame: RSV1 is set", { code, closeCode: 1002 });
export const closeCode: number = error.closeCode;

// @ts-expect-error: the codes are a closed list
new WebSocketError("", { code: "WS_NO_SUCH_CODE" });
// @ts-expect-error: options are a closed list
serve(echo, { maxMessageByts: 1 });
// @ts-expect-error: a message is text or bytes
serve({ message: (socket) => socket.send(42) });
