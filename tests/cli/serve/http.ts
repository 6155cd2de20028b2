/**
 * Raw HTTP requests, as no client library would send them.
 */
import { head, RawPeer } from "../../adapters/support/raw.ts";
import { type Answer, parseAnswer } from "./rig.ts";

/** Asks for a target exactly as it is written. */
export async function ask(
  port: number,
  target: string,
  fields: string[] = [],
  method = "GET",
  secure = false,
): Promise<Answer> {
  const peer = await RawPeer.connect(port, { secure });
  const host = fields.some((field) => /^host:/i.test(field)) ? [] : [`Host: localhost:${port}`];
  peer.write(
    head([`${method} ${target} HTTP/1.1`, ...host, ...fields, "Connection: close"]),
  );
  const answer = parseAnswer(await peer.readToEnd(15_000));
  peer.destroy();
  return answer;
}

/** Asks to upgrade, and gives the head of the answer; `""` when there is none. */
export async function upgrade(
  port: number,
  target: string,
  fields: string[] = [],
): Promise<string> {
  const peer = await RawPeer.connect(port);
  const host = fields.some((field) => /^host:/i.test(field)) ? [] : [`Host: localhost:${port}`];
  peer.write(head([
    `GET ${target} HTTP/1.1`,
    ...host,
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...fields,
  ]));
  const answer = await peer.readHead(15_000).catch(() => "");
  peer.destroy();
  return answer;
}
