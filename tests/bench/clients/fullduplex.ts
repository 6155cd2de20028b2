/** This library's client. */
import { connect } from "../../../src/adapters/client.ts";
import { runClient } from "./client.ts";

await runClient(async (url, onMessage) => {
  const socket = await connect(url, { handler: { message: onMessage } });
  return { send: (data) => void socket.send(data) };
});
