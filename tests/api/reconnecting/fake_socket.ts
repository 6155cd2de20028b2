/**
 * A WebSocket without a network: the test says what happens to it.
 * @module
 */

import type { SocketConstructor } from "../../../src/api/reconnecting/mod.ts";

/** One such socket. */
export class FakeSocket extends EventTarget {
  readonly url: string;
  readonly protocols: unknown;
  readonly options: unknown;
  readyState = 0;
  /** Whether its "close" event was seen. */
  ended = false;
  bufferedAmount = 0;
  protocol = "";
  extensions = "";
  binaryType = "blob";
  /** What was sent, in order. */
  readonly sent: unknown[] = [];
  /** The arguments of every `close()`. */
  readonly closes: unknown[][] = [];
  /** Called by `send()` when it takes something; may throw. */
  onSend: (data: unknown) => void = () => {};

  constructor(url: string, protocols?: unknown, options?: unknown) {
    super();
    this.url = url;
    this.protocols = protocols;
    this.options = options;
  }

  send(data: unknown): void {
    if (this.readyState === 0) throw new DOMException("not open yet", "InvalidStateError");
    this.onSend(data);
    if (this.readyState === 1) this.sent.push(data); // else it is lost, as the standard has it
  }

  close(...args: unknown[]): void {
    this.closes.push(args);
    if (this.readyState < 2) this.readyState = 2;
  }

  /** The server accepts. */
  open(protocol = ""): void {
    this.readyState = 1;
    this.protocol = protocol;
    this.dispatchEvent(new Event("open"));
  }

  /** A message comes. */
  receive(data: unknown): void {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }

  /** It is over. */
  end(code = 1006, reason = "", wasClean = code !== 1006): void {
    this.readyState = 3;
    this.ended = true;
    if (!wasClean) this.dispatchEvent(new Event("error"));
    this.dispatchEvent(Object.assign(new Event("close"), { code, reason, wasClean }));
  }

  /** It fails, and says why. */
  fail(error: Error): void {
    this.readyState = 3;
    this.ended = true;
    this.dispatchEvent(Object.assign(new Event("error"), { error, message: error.message }));
    this.dispatchEvent(
      Object.assign(new Event("close"), { code: 1006, reason: "", wasClean: false }),
    );
  }
}

/** A class of such sockets, and those that were made of it; `onSend` is theirs. */
export function fakeSockets(
  onSend: (data: unknown, socket: FakeSocket) => void = () => {},
): { WebSocket: SocketConstructor; made: FakeSocket[] } {
  const made: FakeSocket[] = [];
  class WebSocket extends FakeSocket {
    constructor(url: string, protocols?: unknown, options?: unknown) {
      super(url, protocols, options);
      made.push(this);
      this.onSend = (data) => onSend(data, this);
    }
  }
  return { WebSocket, made };
}

/** Notes the events of a target, each with what it tells. */
export function recordEvents(target: EventTarget): string[] {
  const seen: string[] = [];
  for (
    const type of ["connecting", "open", "message", "reconnecting", "giveup", "error", "close"]
  ) {
    // deno-lint-ignore no-explicit-any -- each kind has other fields
    target.addEventListener(type, (event: any) => {
      const details = [event.attempt, event.attempts, event.data, event.code, event.wasClean];
      seen.push([type, ...details.filter((detail) => detail !== undefined)].join(" "));
    });
  }
  return seen;
}

/** Lets promises and microtasks take their turns. */
export async function turns(count = 10): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
}
