import { assert, assertEquals, assertRejects } from "@std/assert";
import { test } from "node:test";
import { connect, HandshakeError } from "../../src/adapters/client.ts";
import { type Handler, serve, type ServeOptions } from "../../src/adapters/serve.ts";
import { acceptance, clientText, head, listenRaw, RawPeer, requestLines } from "./support/raw.ts";
import { runProgram } from "./support/runtime.ts";
import { Inbox, sleep, until, within } from "./support/waiting.ts";
import { PATIENCE } from "../support/patience.ts";

/** How often each abrupt end is tried: what comes first is a race. */
const ROUNDS = 10;

interface End {
  closeCode: number;
  wasClean: boolean;
  code: string | undefined;
}

/** Serves with a handler that echoes and reports how each connection ended. */
async function withServer(
  options: ServeOptions,
  run: (port: number, ends: Inbox<End>, server: { open: number }) => Promise<void>,
  handler?: Handler,
): Promise<void> {
  const ends = new Inbox<End>();
  const errors: unknown[] = [];
  const server = await serve(
    handler ?? {
      message: (socket, data) => {
        if (data === "close me") void socket.close(3000);
        else void socket.send(data);
      },
      close: (_socket, { closeCode, wasClean, error }) =>
        ends.push({ closeCode, wasClean, code: error?.code }),
    },
    {
      pingIntervalMs: 0,
      closeTimeoutMs: 2000,
      onError: (e) => errors.push(e),
      ...options,
      port: 0,
    },
  );
  try {
    await run(server.port, ends, {
      get open() {
        return server.connections.size;
      },
    });
    await until(() => server.connections.size === 0, "end of all connections");
    assertEquals(errors, []);
  } finally {
    await within(server.close(), "end of the server");
  }
}

const LOST: End = { closeCode: 1006, wasClean: false, code: "WS_CONNECTION_LOST" };

test("a reset while the connection is open ends it with 1006", async () => {
  await withServer({}, async (port, ends) => {
    for (let i = 0; i < ROUNDS; i++) {
      const peer = await RawPeer.open(port);
      peer.write(clientText("x".repeat(i * 100)));
      if (i % 2 === 0) await peer.readBytes(2);
      peer.reset();
      assertEquals(await ends.next("end"), LOST);
    }
  });
});

test("an end of the bytes without a close frame ends the connection with 1006", async () => {
  await withServer({}, async (port, ends) => {
    const peer = await RawPeer.open(port);
    peer.end();
    assertEquals(await ends.next("end"), LOST);
    await peer.readToEnd();
    peer.destroy();
  });
});

test("a reset in the middle of a frame ends the connection with 1006", async () => {
  await withServer({}, async (port, ends) => {
    const peer = await RawPeer.open(port);
    peer.write(clientText("x".repeat(5000)).subarray(0, 100));
    await sleep(20);
    peer.reset();
    assertEquals(await ends.next("end"), LOST);
  });
});

test("a reset in answer to our close frame ends the connection with 1006", async () => {
  await withServer({}, async (port, ends) => {
    for (let i = 0; i < ROUNDS; i++) {
      const peer = await RawPeer.open(port);
      peer.write(clientText("close me"));
      await peer.readBytes(4);
      peer.reset();
      assertEquals(await ends.next("end"), LOST);
    }
  });
});

test("a peer that answers no close frame is cut after closeTimeoutMs", async () => {
  await withServer({ closeTimeoutMs: 150 }, async (port, ends) => {
    const peer = await RawPeer.open(port);
    const start = performance.now();
    peer.write(clientText("close me"));
    const end = await ends.next("end");
    const took = performance.now() - start;
    assertEquals(end, { closeCode: 1006, wasClean: false, code: "WS_CLOSE_TIMEOUT" });
    assert(took > 140 && took < 1500 * PATIENCE, `it took ${took} ms`);
    await peer.readToEnd();
    peer.destroy();
  });
});

test("a reset during the handshake disturbs nobody", async () => {
  const opened: string[] = [];
  const verify = async () => {
    await sleep(20);
  };
  await withServer({ verify }, async (port, _ends, server) => {
    for (let i = 0; i < ROUNDS; i++) {
      const peer = await RawPeer.connect(port);
      const request = head(requestLines(`/${i}`));
      peer.write(i % 2 === 0 ? request : request.slice(0, 40));
      await sleep(i * 2);
      peer.reset();
    }
    await sleep(60);
    await until(() => server.open === 0, "end of what was opened all the same");
    const peer = await RawPeer.open(port, { path: "/alive" });
    peer.destroy();
  }, { open: (socket) => opened.push(new URL(socket.url).pathname) });
  assertEquals(opened.at(-1), "/alive");
});

test("sends to a peer that has reset the connection reject and do no harm", async () => {
  const sockets = new Inbox<{ sending: Promise<unknown> }>();
  await withServer({}, async (port) => {
    const peer = await RawPeer.open(port);
    const { sending } = await sockets.next("connection");
    await sleep(20);
    peer.reset();
    const error = await within(sending, "rejection");
    assertEquals((error as { code?: string }).code, "WS_NOT_OPEN");
  }, {
    open: (socket) => {
      const sendOn = async () => {
        for (;;) {
          await socket.send(new Uint8Array(5000));
          await sleep(1);
        }
      };
      sockets.push({ sending: sendOn().catch((error) => error) });
    },
  });
});

test("a client whose server resets during the handshake gets a HandshakeError", async () => {
  for (const when of ["at once", "after the request", "in the response"]) {
    const server = await listenRaw(async (peer) => {
      if (when === "at once") return peer.reset();
      await peer.readHead();
      if (when === "in the response") {
        peer.write("HTTP/1.1 101 Switching");
        await sleep(20);
      }
      peer.reset();
    });
    try {
      const error = await assertRejects(
        () => within(connect(server.url), `error, reset ${when}`),
        HandshakeError,
        "Cannot connect",
      );
      assertEquals(error.code, "WS_CONNECT_FAILED");
    } finally {
      await server.close();
    }
  }
});

test("a client whose server resets the open connection ends with 1006", async () => {
  for (const closing of [false, true]) {
    const server = await listenRaw(async (peer) => {
      peer.write(head(await acceptance(await peer.readHead())));
      await peer.readBytes(4); // a message, or our close frame
      peer.reset();
    });
    try {
      const socket = await connect(server.url);
      if (closing) void socket.close(4000);
      else socket.send("hello");
      const { closeCode, wasClean, error } = await within(socket.closed, "end");
      assertEquals({ closeCode, wasClean, code: error?.code }, LOST);
    } finally {
      await server.close();
    }
  }
});

test("a client whose server never ends the closed connection is over after closeTimeoutMs", async () => {
  const server = await listenRaw(async (peer) => {
    peer.write(head(await acceptance(await peer.readHead())));
    await peer.readBytes(8);
    peer.write(Uint8Array.of(0x88, 2, 0x0f, 0xa0)); // the answer, and then no FIN
  }, { allowHalfOpen: true });
  try {
    const socket = await connect(server.url, { closeTimeoutMs: 150 });
    const start = performance.now();
    const { closeCode, wasClean } = await within(socket.close(4000), "end");
    assertEquals({ closeCode, wasClean }, { closeCode: 4000, wasClean: true });
    assert(performance.now() - start < 1500 * PATIENCE);
  } finally {
    await server.close();
  }
});

for (const scenario of ["server", "client", "lost", "refused", "timeout"]) {
  test(`a program ends by itself after the scenario "${scenario}"`, async () => {
    const { code, output } = await runProgram("ends_by_itself", [scenario]);
    assertEquals({ code, output: output.trim() }, { code: 0, output: `done: ${scenario}` });
  });
}

test("a close frame and an end glued to the 101 end the connection in order", async () => {
  for (const tail of [[], [0x81, 2, 72, 105]]) {
    const server = await listenRaw(async (peer) => {
      const lines = await acceptance(await peer.readHead());
      peer.write(head(lines), Uint8Array.from([...tail, 0x88, 2, 0x0b, 0xb8])); // 3000
      peer.end();
    });
    try {
      const socket = await connect(server.url);
      const messages: unknown[] = [];
      for await (const message of socket) messages.push(message);
      assertEquals(messages, tail.length === 0 ? [] : ["Hi"]);
      const { closeCode, wasClean } = await within(socket.closed, "end");
      assertEquals({ closeCode, wasClean }, { closeCode: 3000, wasClean: true });
    } finally {
      await server.close();
    }
  }
});
