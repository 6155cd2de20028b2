/** `serve()` with the `for await` form, as the README shows it first. */
import { serve } from "../../../src/adapters/serve.ts";
import { ready } from "./program.ts";

const server = await serve(async (socket) => {
  for await (const message of socket) await socket.send(message);
}, { port: 0 });
ready(server.port);
