import { acceptWebSocket, connectWebSocket } from "../../src/api/stream.ts";
import { runHandler } from "../../src/api/handler.ts";
import { openFromBytes, setupServer } from "../../src/api/server_opening.ts";
import { StreamTransport } from "../../src/api/stream_transport.ts";
import { MemoryPeer } from "../support/memory_peer.ts";
import { testClient, testServer } from "./suite.ts";

testServer({
  name: "stream server",
  listen: (handler, options) => {
    const setup = setupServer(options);
    return Promise.resolve({
      connectRaw: () => {
        const peer = new MemoryPeer();
        openFromBytes(new StreamTransport(peer.pair), false, setup).then((opening) => {
          if (opening instanceof Error) throw opening;
          runHandler(opening, handler, setup.onError);
        });
        return Promise.resolve(peer);
      },
      close: () => {},
    });
  },
});

testServer({
  name: "acceptWebSocket",
  listen: (_handler, options) =>
    Promise.resolve({
      connectRaw: () => {
        const peer = new MemoryPeer();
        acceptWebSocket(peer.pair, options).then(async (socket) => {
          for await (const message of socket) await socket.send(message);
        }).catch(() => {}); // a loop throws when its peer broke a rule
        return Promise.resolve(peer);
      },
      close: () => {},
    }),
});

testClient({
  name: "stream client",
  dial: (handler, options) => {
    const peer = new MemoryPeer();
    const socket = connectWebSocket(peer.pair, "ws://example.com/", { ...options, handler });
    return Promise.resolve({
      peer,
      close: async () => (await socket).terminate(),
    });
  },
});
