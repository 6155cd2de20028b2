/**
 * `WebSocket` and `WebSocketStream` over byte streams in memory, with a raw peer at the other end.
 * @module
 */

import { openClient } from "../../../src/api/client_opening.ts";
import type { ClientOptions } from "../../../src/api/client_options.ts";
import { setupClient } from "../../../src/api/client_setup.ts";
import { StreamTransport } from "../../../src/api/stream_transport.ts";
import type { Prepare, WebSocketInstance } from "../../../src/api/websocket/types.ts";
import { createWebSocketClass } from "../../../src/api/websocket/websocket.ts";
import {
  createWebSocketStreamClass,
  type WebSocketStreamInstance,
} from "../../../src/api/websocket_stream.ts";
import type { DeflateCodec } from "../../../src/extensions/mod.ts";
import { MemoryPeer } from "../../support/memory_peer.ts";
import { PATIENCE } from "../../support/patience.ts";
import { answerText } from "../../support/raw_handshake.ts";

export { closeFrame, OP, plain, sleep, soon, text, until } from "../ends.ts";

export interface MemoryOptions extends Omit<ClientOptions, "protocols" | "handler" | "onError"> {
  /** The other end. Default: none, it never opens. */
  peer?: MemoryPeer;
  codec?: DeflateCodec;
  /** Called instead of opening, when there is no peer. */
  instead?: () => Promise<never>;
}

const prepare: Prepare<MemoryOptions> = (url, options) => {
  const { peer, codec, instead, ...rest } = options;
  const setup = setupClient(url, { pingIntervalMs: 0, ...rest }, [], codec);
  if (peer === undefined) return instead ?? (() => new Promise(() => {}));
  return () => openClient(new StreamTransport(peer.pair), setup);
};

export const WebSocket = createWebSocketClass(prepare);
export const WebSocketStream = createWebSocketStreamClass(prepare);

export const URL = "ws://example.com/chat";

/** What a server answers beside the usual. */
export interface Answer {
  /** More header lines. */
  lines?: readonly string[];
  /** Frames in the same chunk as the head. */
  glued?: Uint8Array;
}

/** Answers an opening request. */
export async function answer(peer: MemoryPeer, { lines, glued }: Answer = {}): Promise<string> {
  const request = await peer.readHead();
  const head = new TextEncoder().encode(await answerText(request, lines));
  peer.write(head, glued ?? new Uint8Array(0));
  return request;
}

/** A socket whose server has not answered yet. */
export function connecting(
  options: MemoryOptions & { signal?: AbortSignal } = {},
  protocols: string | string[] = [],
): { socket: WebSocketInstance; peer: MemoryPeer } {
  const peer = options.peer ?? new MemoryPeer();
  return { peer, socket: new WebSocket(URL, protocols, { ...options, peer }) };
}

/** A socket that is open. */
export async function opened(
  options: MemoryOptions & { signal?: AbortSignal } = {},
  reply: Answer = {},
): Promise<{ socket: WebSocketInstance; peer: MemoryPeer; log: Log }> {
  const { socket, peer } = connecting(options);
  const log = new Log(socket);
  await answer(peer, reply);
  await log.until("open");
  return { socket, peer, log };
}

/** A stream that is open. */
export async function openedStream(
  options: MemoryOptions & { signal?: AbortSignal; protocols?: string[] } = {},
  reply: Answer = {},
): Promise<{ stream: WebSocketStreamInstance; peer: MemoryPeer }> {
  const peer = new MemoryPeer();
  const stream = new WebSocketStream(URL, { ...options, peer });
  await answer(peer, reply);
  await stream.opened;
  return { stream, peer };
}

/** The events of a socket in their order. */
export class Log {
  readonly events: Event[] = [];
  readonly #wake: (() => void)[] = [];

  constructor(socket: EventTarget) {
    for (const type of ["open", "message", "error", "close"]) {
      socket.addEventListener(type, (event) => {
        this.events.push(event);
        for (const wake of this.#wake.splice(0)) wake();
      });
    }
  }

  get types(): string[] {
    return this.events.map((event) => event.type);
  }

  /** The messages so far. */
  get data(): unknown[] {
    return this.events.filter(({ type }) => type === "message")
      .map((event) => (event as MessageEvent).data);
  }

  /** Waits for an event of a type, or for the `count`-th. */
  async until<Wanted extends Event>(type: string, count = 1): Promise<Wanted> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`no ${type}, only ${this.types}`)),
        20_000 * PATIENCE,
      );
    });
    try {
      for (;;) {
        const found = this.events.filter((event) => event.type === type)[count - 1];
        if (found !== undefined) return found as Wanted;
        await Promise.race([new Promise<void>((resolve) => this.#wake.push(resolve)), late]);
      }
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The name of the `DOMException`, or of the error, that a function throws. */
export function thrown(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as Error).name;
  }
  return "nothing";
}
