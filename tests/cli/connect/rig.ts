/**
 * Servers that `connect` is tried on.
 */
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { WebSocketConnection } from "../../../src/api/connection.ts";
import {
  type Handler,
  serve,
  type ServeOptions,
  type Server,
} from "../../../src/adapters/serve.ts";

/** Serves while a test runs. */
export async function withServer(
  handler: Handler,
  use: (url: string, server: Server) => Promise<void>,
  options: Partial<ServeOptions> = {},
): Promise<void> {
  const server = await serve(handler, { port: 0, ...options });
  try {
    await use(server.url, server);
  } finally {
    await server.close();
  }
}

/** Sends everything back. */
export async function echo(socket: WebSocketConnection): Promise<void> {
  for await (const message of socket) await socket.send(message);
}

/** Listens for TCP while a test runs, and answers nothing by itself. */
export async function withListener(
  onSocket: (socket: Socket) => void,
  use: (port: number) => Promise<void>,
): Promise<void> {
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onSocket(socket);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  try {
    await use((listener.address() as AddressInfo).port);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => listener.close(resolve));
  }
}
