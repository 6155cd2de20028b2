/**
 * Where the parts of one connection report what observers see.
 * @module
 */

import { type FrameObserver, readClosePayload } from "../connection/mod.ts";
import type { HandshakeError, WebSocketError } from "../errors.ts";
import {
  CLOSE,
  CONTINUATION,
  FIN,
  MAX_CONTROL_BYTES,
  PING,
  RSV1,
  RSV2,
  RSV3,
} from "../frames/mod.ts";
import type { UpgradeRequest } from "../handshake/mod.ts";
import type { Channel, CloseInfo } from "./channel.ts";
import type { WebSocketConnection } from "./connection.ts";
import type {
  Direction,
  ObservedConnection,
  ObservedControl,
  ObservedFrame,
  ObservedHead,
} from "./observer.ts";
import { ObservedChannel } from "./observed_channel.ts";
import type { ObserverEvent, Observers } from "./observers.ts";
import { SeenMessage } from "./seen_message.ts";

let connections = 0;

const CONTROL_TYPES: Readonly<Record<number, ObservedControl["type"]>> = {
  8: "close",
  9: "ping",
  10: "pong",
};

/** What observers know of a connection. */
class Observed implements ObservedConnection {
  readonly id = ++connections;
  readonly role: "server" | "client";
  url = "";
  request: UpgradeRequest | undefined;
  remoteAddress: string | undefined;
  socket: WebSocketConnection | undefined;

  constructor(role: "server" | "client") {
    this.role = role;
  }
}

/** A head whose fields become `Headers` when somebody looks. */
class Head implements ObservedHead {
  readonly direction: Direction;
  readonly method: string | undefined;
  readonly status: number | undefined;
  readonly #fields: () => Headers;

  constructor(
    direction: Direction,
    method: string | undefined,
    status: number | undefined,
    fields: () => Headers,
  ) {
    this.direction = direction;
    this.method = method;
    this.status = status;
    this.#fields = fields;
  }

  get headers(): Headers {
    return this.#fields();
  }
}

/** One direction's frame under way. */
interface Way {
  frame: ObservedFrame | undefined;
  /** The payload of a control frame so far, and how much of it there is. */
  readonly control: Uint8Array;
  controlBytes: number;
  opcode: number;
  /** Payload bytes of the message's frames so far. */
  messageBytes: number;
}

/** The reporting end of one connection; made only where somebody observes. */
export class ConnectionTap implements FrameObserver {
  readonly connection: Observed;
  readonly #observers: Observers;
  readonly #startedAt = performance.now();
  #openedAt = 0;
  /** Whether observers are being told: what they do meanwhile is their own. */
  #telling = false;
  /** Whether frames, where they are seen, are as long as the messages that they make. */
  #plain = false;
  #in: Way | undefined;
  #out: Way | undefined;
  /** The ping that was sent last, until its pong. */
  #ping: { readonly payload: Uint8Array; readonly at: number } | undefined;
  #sentClose: { closeCode: number | undefined; reason: string } = {
    closeCode: undefined,
    reason: "",
  };

  /**
   * @param observers Who is told.
   * @param role Which end it is.
   */
  constructor(observers: Observers, role: "server" | "client") {
    this.#observers = observers;
    this.connection = new Observed(role);
  }

  #tell(event: ObserverEvent, what: unknown, more?: unknown): void {
    if (this.#telling) return;
    this.#telling = true;
    this.#observers.tell(event, this.connection, what, more);
    this.#telling = false;
  }

  // ------------------------------------------------------------ opening handshake

  /** A server read this request. */
  request(request: UpgradeRequest): void {
    this.connection.request = request;
    this.connection.url = request.url.replace(/^http/, "ws");
    this.#tell("handshake", new Head("in", request.method, undefined, () => request.headers));
  }

  /** A client sends a request with these fields. */
  requestSent(fields: readonly (readonly [string, string])[]): void {
    this.#tell("handshake", new Head("out", "GET", undefined, () => toHeaders(fields)));
  }

  /** A response came, or goes. */
  response(
    direction: Direction,
    status: number,
    fields: Headers | readonly (readonly [string, string])[],
  ): void {
    const headers = () => fields instanceof Headers ? fields : toHeaders(fields);
    this.#tell("handshake", new Head(direction, undefined, status, headers));
  }

  /** The handshake failed. */
  refused(error: HandshakeError): void {
    this.#tell("refuse", error, performance.now() - this.#startedAt);
  }

  /** The handshake is done. */
  opened(socket: WebSocketConnection): void {
    this.connection.socket = socket;
    this.connection.url = socket.url;
    this.connection.remoteAddress = socket.remoteAddress;
    this.#openedAt = performance.now();
    this.#plain = socket.extensions === "";
    this.#tell("open", this.#openedAt - this.#startedAt);
  }

  // ------------------------------------------------------------------------ frames

  get wantsPayloads(): boolean {
    return this.#observers.wants("framePayload");
  }

  onFrame(sent: boolean, first: number, length: number, masked: boolean): void {
    const way = sent ? this.#out ??= newWay() : this.#in ??= newWay();
    const opcode = way.opcode = first & 0x0f;
    if (opcode < CLOSE) {
      way.messageBytes = length + (opcode === CONTINUATION ? way.messageBytes : 0);
    }
    way.controlBytes = 0;
    way.frame = undefined;
    const shown = this.#observers.wants("frame");
    if (!shown && !this.#observers.wants("framePayload")) return;
    way.frame = {
      direction: sent ? "out" : "in",
      opcode,
      fin: (first & FIN) !== 0,
      rsv1: (first & RSV1) !== 0,
      rsv2: (first & RSV2) !== 0,
      rsv3: (first & RSV3) !== 0,
      masked,
      length,
    };
    if (shown) this.#tell("frame", way.frame);
  }

  onFramePayload(sent: boolean, bytes: Uint8Array, last: boolean): void {
    const way = (sent ? this.#out : this.#in)!;
    if (way.frame !== undefined && bytes.length > 0) {
      this.#tell("framePayload", way.frame, bytes);
    }
    if (way.opcode < CLOSE) return;
    way.control.set(bytes, way.controlBytes);
    way.controlBytes += bytes.length;
    if (last) this.#onControlFrame(sent, way.opcode, way.control.subarray(0, way.controlBytes));
  }

  #onControlFrame(sent: boolean, opcode: number, payload: Uint8Array): void {
    const direction = sent ? "out" : "in";
    this.control(direction, CONTROL_TYPES[opcode], payload);
    if (opcode === CLOSE) {
      const close = readClosePayload(payload);
      if (!("message" in close)) {
        this.closing(direction, close.closeCode, close.reason);
      }
    } else if (opcode === PING) {
      if (sent) this.#ping = { payload: payload.slice(), at: performance.now() };
    } else if (!sent && this.#ping !== undefined && isSame(this.#ping.payload, payload)) {
      const ms = performance.now() - this.#ping.at;
      this.#ping = undefined;
      this.#tell("roundTrip", ms);
    }
  }

  // ------------------------------------------------- what the channel sees and does

  /** Puts itself between a connection and its channel. */
  observe(channel: Channel): Channel {
    return new ObservedChannel(channel, this);
  }

  /** A control frame came or goes. */
  control(direction: Direction, type: ObservedControl["type"], payload: Uint8Array): void {
    this.#tell("control", { direction, type, payload });
  }

  /**
   * A message came or was sent.
   *
   * @param length Its bytes, when it was streamed.
   */
  message(
    direction: Direction,
    type: "text" | "binary",
    data: string | Uint8Array | undefined,
    length?: number,
  ): void {
    if (!this.#observers.wants("message")) return;
    // Counted already: a message is told right after its last frame, unless inflating takes time.
    if (this.#plain) length ??= (direction === "in" ? this.#in : this.#out)?.messageBytes;
    this.#tell("message", new SeenMessage(direction, type, data, length));
  }

  /** A close frame came or goes. */
  closing(direction: Direction, closeCode: number, reason: string): void {
    if (direction === "out") this.#sentClose = { closeCode, reason };
    this.#tell("closing", { direction, closeCode, reason });
  }

  /** The connection failed. */
  failed(error: WebSocketError): void {
    this.#tell("error", error);
  }

  /** All is over. */
  closed(info: CloseInfo): void {
    const { closeCode: sentCode, reason: sentReason } = this.#sentClose;
    const durationMs = performance.now() - this.#openedAt;
    this.#tell("close", { ...info, sentCode, sentReason, durationMs });
  }
}

function newWay(): Way {
  const control = new Uint8Array(MAX_CONTROL_BYTES);
  return { frame: undefined, control, controlBytes: 0, opcode: 0, messageBytes: 0 };
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function toHeaders(fields: readonly (readonly [string, string])[]): Headers {
  return new Headers(fields.map(([name, value]): [string, string] => [name, value]));
}
