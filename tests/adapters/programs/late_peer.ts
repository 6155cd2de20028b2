/**
 * A raw peer that does what it has to, but some time after it could, and says at once that it will:
 * "request", "ping" or "close". Its arguments: the delay in milliseconds, and the port of a server,
 * which gets the second half of the request after the delay; without one, it is the server, and
 * prints "port" and its own.
 *
 * @module
 */

import process from "node:process";
import { acceptance, clientFrame, head, listenRaw, RawPeer, requestLines } from "../support/raw.ts";
import { encodeFrame } from "../../support/wire.ts";

const [delayMs, port] = process.argv.slice(2).map(Number);

/** Says something, and does it later. */
function soon(what: string, action: () => void): void {
  console.log(what);
  setTimeout(action, delayMs);
}

/** Answers pings and the close frame of a connection. */
function answer(peer: RawPeer, encode: typeof encodeFrame): void {
  let answered = 0;
  setInterval(() => {
    const frames = peer.frames();
    for (; answered < frames.length; answered++) {
      const { opcode, payload } = frames[answered];
      const reply = (opcode: number) => () => {
        if (peer.gone) return;
        peer.write(encode({ opcode, payload }));
        if (opcode === 8 && port === undefined) peer.end(); // the server ends the stream first
      };
      if (opcode === 9) soon("ping", reply(10));
      if (opcode === 8) soon("close", reply(8));
    }
    if (peer.gone) process.exit();
  }, 2);
}

if (port !== undefined) {
  const peer = await RawPeer.connect(port);
  const [line, ...fields] = requestLines();
  peer.write(`${line}\r\n`);
  soon("request", () => peer.write(head(fields)));
  await peer.readHead();
  answer(peer, clientFrame);
} else {
  const server = await listenRaw(async (peer) => {
    const response = head(await acceptance(await peer.readHead()));
    soon("request", () => {
      peer.write(response);
      answer(peer, encodeFrame);
    });
  });
  console.log(`port ${server.port}`);
}
