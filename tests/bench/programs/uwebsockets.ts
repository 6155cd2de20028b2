/**
 * uWebSockets.js, from the path in the environment variable `UWEBSOCKETS` (`--uws` on the command
 * line): the folder of its npm package, with the built addon in it.
 */
import { createRequire } from "node:module";
import process from "node:process";
import { BROADCAST, DEFLATE, MAX_MESSAGE_BYTES, ready } from "./program.ts";

const uws = createRequire(import.meta.url)(process.env.UWEBSOCKETS!);
const app = uws.App();
app.ws("/*", {
  maxPayloadLength: MAX_MESSAGE_BYTES,
  maxBackpressure: 64 * 1024 * 1024,
  compression: DEFLATE ? uws.SHARED_COMPRESSOR : uws.DISABLED,
  // deno-lint-ignore no-explicit-any -- the addon has no types here
  open: (socket: any) => BROADCAST && socket.subscribe("all"),
  // deno-lint-ignore no-explicit-any
  message(socket: any, data: ArrayBuffer, binary: boolean) {
    if (BROADCAST) app.publish("all", data, binary);
    else socket.send(data, binary, DEFLATE);
  },
});
app.listen("127.0.0.1", 0, (token: unknown) => ready(uws.us_socket_local_port(token)));
