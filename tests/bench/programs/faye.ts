/** The peer `faye-websocket`. */
import http from "node:http";
import type { AddressInfo } from "node:net";
import faye from "faye-websocket";
import { BROADCAST, ready } from "./program.ts";

// deno-lint-ignore no-explicit-any -- the package has no types
const members = new Set<any>();
const server = http.createServer();
server.on("upgrade", (request, socket, head) => {
  const connection = new faye(request, socket, head);
  members.add(connection);
  connection.on("error", () => {});
  connection.on("close", () => members.delete(connection));
  connection.on("message", ({ data }: { data: string | Uint8Array }) => {
    for (const member of BROADCAST ? members : [connection]) member.send(data);
  });
});
server.listen(0, "127.0.0.1", () => ready((server.address() as AddressInfo).port));
