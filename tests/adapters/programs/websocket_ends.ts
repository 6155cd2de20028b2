/**
 * Uses the `WebSocket` class in a way that its argument names, prints one line of what happened, and
 * must then end by itself.
 *
 * @module
 */

import net from "node:net";
import process from "node:process";
import { WebSocket, WebSocketStream } from "../../../src/adapters/client.ts";
import { serve } from "../../../src/adapters/serve.ts";
import { acceptance, head, RawPeer } from "../support/raw.ts";
import { until } from "../support/waiting.ts";

const [scenario] = process.argv.slice(2);

/** A raw server for one connection. */
function once(onPeer: (peer: RawPeer) => unknown): Promise<string> {
  const server = net.createServer((socket) => {
    server.close();
    void onPeer(new RawPeer(socket));
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      resolve(`ws://127.0.0.1:${(server.address() as { port: number }).port}`);
    });
  });
}

async function accept(peer: RawPeer): Promise<void> {
  peer.write(head(await acceptance(await peer.readHead())));
}

/** Opens a socket and prints the events up to its end. */
async function follow(url: string, options = {}, use = (_: WebSocket) => {}): Promise<void> {
  const told: string[] = [];
  const controller = new AbortController();
  const socket = new WebSocket(url, [], { signal: controller.signal, ...options });
  socket.onopen = () => {
    told.push("open");
    use(socket);
  };
  socket.onerror = ({ error }) => told.push(`error ${error.code}`);
  await new Promise<void>((resolve) => {
    socket.onclose = ({ code, wasClean }) => {
      told.push(`close ${code} ${wasClean}`);
      resolve();
    };
  });
  console.log(told.join(", "));
}

/** Forces a garbage collection, where the runtime lets us. */
async function collector(): Promise<() => void> {
  const { Bun } = globalThis as { Bun?: { gc(force: boolean): void } };
  if (Bun !== undefined) return () => Bun.gc(true);
  const v8 = await import("node:v8");
  v8.setFlagsFromString("--expose-gc");
  const vm = await import("node:vm");
  return vm.runInNewContext("gc");
}

const scenarios: Record<string, () => Promise<void>> = {
  async refused() {
    const url = await new Promise<string>((resolve) => {
      const server = net.createServer().listen(0, "127.0.0.1", () => {
        const { port } = server.address() as { port: number };
        server.close(() => resolve(`ws://127.0.0.1:${port}`));
      });
    });
    await follow(url);
  },
  async status() {
    await follow(
      await once(async (peer) => {
        await peer.readHead();
        peer.write("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
      }),
    );
  },
  async redirected() {
    await follow(
      await once(async (peer) => {
        await peer.readHead();
        peer.write("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
      }),
    );
  },
  async lying() {
    await follow(
      await once(async (peer) => {
        await peer.readHead();
        const request = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
        peer.write(head(await acceptance(request)));
      }),
    );
  },
  async hung() {
    await follow(await once(() => {}), { handshakeTimeoutMs: 200 });
  },
  async reset() {
    await follow(
      await once(async (peer) => {
        await peer.readHead();
        peer.reset();
      }),
    );
  },
  async "open-reset"() {
    await follow(
      await once(async (peer) => {
        await accept(peer);
        await until(() => peer.size > 0, "message");
        peer.reset();
      }),
      {},
      (socket) => socket.send("x"),
    );
  },
  async "open-lying"() {
    await follow(
      await once(async (peer) => {
        await accept(peer);
        peer.write(Uint8Array.of(0x8b, 0));
        await until(() => peer.ended, "end");
        peer.end();
      }),
    );
  },
  async "open-hung"() {
    await follow(await once(accept), { pingIntervalMs: 100, pingTimeoutMs: 100 });
  },
  async "close-hung"() {
    await follow(await once(accept), { closeTimeoutMs: 100 }, (socket) => socket.close());
  },
  async clean() {
    const server = await serve({}, { port: 0 });
    await follow(server.url, {}, (socket) => socket.close(1000));
    await server.close();
  },
  async aborted() {
    const controller = new AbortController();
    const server = await serve({}, { port: 0 });
    await follow(server.url, { signal: controller.signal }, () => controller.abort());
    await server.close();
  },
  async "closed-early"() {
    const url = await once(() => {});
    const socket = new WebSocket(url);
    const told: string[] = [];
    socket.onerror = ({ error }) => told.push(`error ${error.code}`);
    socket.onclose = ({ code }) => console.log([...told, `close ${code}`].join(", "));
    setTimeout(() => socket.close(), 50);
  },
  async stream() {
    const server = await serve({ message: (socket, data) => void socket.send(data) }, { port: 0 });
    const controller = new AbortController();
    const stream = new WebSocketStream(server.url, { signal: controller.signal });
    const { readable, writable } = await stream.opened;
    await writable.getWriter().write("hello");
    const { value } = await readable.getReader().read();
    stream.close({ closeCode: 1000 });
    console.log(value, (await stream.closed).closeCode);
    await server.close();
  },
  async thrown() {
    // What a listener throws is reported as the runtime reports it, and the socket goes on.
    const reported: string[] = [];
    const { Deno } = globalThis as { Deno?: unknown };
    if (Deno !== undefined) {
      addEventListener("error", (event) => {
        event.preventDefault();
        reported.push((event as ErrorEvent).error.message);
      });
    } else process.on("uncaughtException", (error: Error) => reported.push(error.message));
    const server = await serve({ message: (socket, data) => void socket.send(data) }, { port: 0 });
    const socket = new WebSocket(server.url);
    const got: string[] = [];
    const failing = (name: string) => () => {
      throw new Error(name);
    };
    socket.onopen = failing("open");
    socket.addEventListener("open", () => {
      socket.send("a");
      socket.send("b");
    });
    socket.onmessage = failing("message");
    socket.addEventListener("message", ({ data }) => {
      got.push(data);
      if (data === "b") socket.close();
    });
    await new Promise((resolve) => socket.onclose = resolve);
    await server.close();
    console.log(got.join(), reported.join());
  },
  async collected() {
    const gc = await collector();
    const server = await serve({
      open: (socket) => void setTimeout(() => socket.send("late"), 300),
    }, { port: 0 });
    const told = new Promise<string>((resolve) => {
      // Nobody keeps the socket but its listener.
      new WebSocket(server.url).addEventListener("message", ({ data, target }) => {
        resolve(data);
        (target as WebSocket).close();
      });
    });
    const timer = setInterval(() => {
      gc();
      Array.from({ length: 10_000 }, () => new Uint8Array(100));
    }, 20);
    console.log(await told);
    clearInterval(timer);
    await server.close();
  },
};

await scenarios[scenario]();
