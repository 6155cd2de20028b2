/** The peer `crossws`, with its adapter for Node. */
import http from "node:http";
import type { AddressInfo } from "node:net";
import crossws from "crossws/adapters/node";
import { BROADCAST, ready } from "./program.ts";

const sockets = crossws({
  hooks: {
    open: (peer) => BROADCAST ? void peer.subscribe("all") : undefined,
    message(peer, message) {
      peer.send(message.rawData);
      if (BROADCAST) peer.publish("all", message.rawData); // to all but the sender
    },
  },
});
const server = http.createServer();
server.on("upgrade", (request, socket, head) => {
  void sockets.handleUpgrade(request, socket, head);
});
server.listen(0, "127.0.0.1", () => ready((server.address() as AddressInfo).port));
