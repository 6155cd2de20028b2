/**
 * Frames as tests of a peer want them, whatever rules they break.
 * @module
 */

import { bytesOf, EMPTY_BYTES, isBufferSource } from "../../bytes.ts";
import { notOpen } from "../../connection/mod.ts";
import { CLOSE, encodeUtf8 } from "../../frames/mod.ts";
import { coreOf, type WebSocketConnection } from "../connection.ts";
import { checkOptionNames, describe } from "../options.ts";
import type { Bytes } from "../sender.ts";

/** A frame, header bit by header bit. */
export interface RawFrame {
  /** 0–15; 0 continues, 1 is text, 2 binary, 8 close, 9 ping, 10 pong. */
  opcode: number;
  /** The payload; strings as UTF-8. Default: none. */
  payload?: string | Bytes;
  /** Whether it ends its message. Default: `true`. */
  fin?: boolean;
  /** The reserved bits. Default: `false`. */
  rsv1?: boolean;
  /** See `rsv1`. */
  rsv2?: boolean;
  /** See `rsv1`. */
  rsv3?: boolean;
  /** Whether it is masked. Default: as the role demands. */
  masked?: boolean;
}

const NAMES = ["opcode", "payload", "fin", "rsv1", "rsv2", "rsv3", "masked"];

/** Checks a frame and makes of it what an engine takes. */
export function readRawFrame(
  frame: RawFrame,
): { first: number; payload: Uint8Array; masked: boolean | undefined } {
  checkOptionNames(frame, NAMES);
  const { opcode, payload = EMPTY_BYTES, fin = true, rsv1, rsv2, rsv3, masked } = frame;
  if (!Number.isInteger(opcode) || opcode < 0 || opcode > 15) {
    throw new RangeError(`Cannot send frame: opcode must be 0 to 15, got ${String(opcode)}`);
  }
  if (typeof payload !== "string" && !isBufferSource(payload)) {
    throw new TypeError(
      `Cannot send frame: expected a string or a BufferSource, got ${describe(payload)}`,
    );
  }
  const bits = (fin ? 0x80 : 0) | (rsv1 ? 0x40 : 0) | (rsv2 ? 0x20 : 0) | (rsv3 ? 0x10 : 0);
  return {
    first: bits | opcode,
    payload: typeof payload === "string" ? encodeUtf8(payload) : bytesOf(payload),
    masked,
  };
}

/**
 * Sends one frame on a connection as it is given, for tests of a peer: nothing of it is checked
 * against the protocol, and the peer may well close the connection for it.
 *
 * What follows stays in order: after a frame that leaves its message open, nothing else of a message
 * can be sent until another raw frame ends it (`send()` throws), and nothing at all after a raw close
 * frame, which the peer has `closeTimeoutMs` to answer. With compression, a frame with `rsv1` that is no deflated data breaks the peer's context.
 *
 * @param socket A connection of this library's engine.
 * @param frame The frame.
 * @throws {TypeError} If the frame is none.
 * @throws {RangeError} If the opcode is out of range.
 * @throws {WebSocketError} If the connection is not open.
 * @throws {DOMException} `NotSupportedError` on a runtime's own socket and with the hixie drafts;
 * `InvalidStateError` for a data frame while other messages are being sent.
 *
 * @example
 * ```ts no_run
 * import { connect } from "@fullduplex/ws/client";
 * import { sendRawFrame } from "@fullduplex/ws/driver";
 *
 * await using socket = await connect("ws://localhost:9001/echo");
 * sendRawFrame(socket, { opcode: 3 }); // reserved: the server must close with 1002
 * console.log((await socket.closed).closeCode);
 * ```
 */
export function sendRawFrame(socket: WebSocketConnection, frame: RawFrame): void {
  const { first, payload, masked } = readRawFrame(frame);
  const core = coreOf(socket);
  const { channel, sender } = core;
  if (channel.sendRaw === undefined) {
    throw new DOMException(
      `Cannot send frame: ${channel.capabilities.engine} frames for itself`,
      "NotSupportedError",
    );
  }
  if (!channel.open) throw notOpen();
  if (sender.busy && frame.opcode < 8) {
    throw new DOMException("Cannot send frame: a message is being sent", "InvalidStateError");
  }
  channel.sendRaw(first, payload, masked);
  if (frame.opcode === CLOSE) core.closeSent();
}
