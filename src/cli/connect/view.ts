/**
 * How `connect` shows what happens: as lines, as JSON, or (in `prompt_view.ts`) around a prompt.
 * @module
 */

import { Buffer } from "node:buffer";
import type { CloseInfo } from "../../api/channel.ts";
import type { WebSocketConnection } from "../../api/connection.ts";
import { toHex } from "../../bytes.ts";
import { HandshakeError } from "../../errors.ts";
import type { CliIo } from "../io.ts";
import { count, escapeControls, oneLine, showClose } from "../text.ts";
import { hexDump } from "./hex.ts";

/** Shows what happens. Promises resolve when there is room for more: `false` when nobody looks. */
export interface View {
  /** A connection is open. */
  opened(socket: WebSocketConnection): void;
  /** A message came. */
  message(data: string | Uint8Array): Promise<boolean>;
  /** A message came and was written to a file. */
  saved(type: "text" | "binary", bytes: number): Promise<boolean>;
  /** A ping or a pong came. */
  control(type: "ping" | "pong", payload: Uint8Array): void;
  /** A round trip was measured; it is the answer when `asked` for on the command line. */
  latency(ms: number, asked: boolean): void;
  /** A connection is over. */
  closed(info: CloseInfo): void;
  /** Something went wrong. */
  failed(error: unknown): void;
  /** Something that a command was asked for; lines without the last line break. */
  notice(text: string): void;
}

/** What went wrong, in a line; what a server said to it, too. */
export function showFailure(error: unknown): string {
  const message = oneLine(error instanceof Error ? error.message : String(error));
  if (!(error instanceof HandshakeError) || error.body.trim() === "") return message;
  return `${message}: ${oneLine(error.body)}`;
}

/** How a connection ended, in a line. */
export function showEnd({ closeCode, reason, wasClean, error }: CloseInfo): string {
  const clean = wasClean && error === undefined;
  return `closed: ${showClose(closeCode, reason)}, ${clean ? "clean" : "not clean"}` +
    (error === undefined ? "" : ` (${oneLine(error.message)})`);
}

/** How a connection began, in a line. */
export function showOpening({ url, protocol }: WebSocketConnection): string {
  return `connected to ${oneLine(url)}${protocol && `, protocol ${protocol}`}`;
}

/** Messages on standard output, each on a line; the rest on standard error. */
export class LinesView implements View {
  readonly #io: CliIo;
  readonly #dumps: boolean;

  /**
   * @param io Where it writes.
   * @param hexdump Whether binary is shown as a dump, also where there is no terminal.
   */
  constructor(io: CliIo, hexdump: boolean) {
    this.#io = io;
    this.#dumps = hexdump || io.outputIsTerminal;
  }

  opened(socket: WebSocketConnection): void {
    this.#io.writeError(`${showOpening(socket)}\n`);
  }

  async message(data: string | Uint8Array): Promise<boolean> {
    if (typeof data === "string") {
      const text = this.#io.outputIsTerminal ? escapeControls(data, "\n\t") : data;
      return await this.#io.write(`${text}\n`);
    }
    if (!this.#dumps) return await this.#io.write(`${toHex(data)}\n`);
    for (const piece of hexDump(data)) if (!await this.#io.write(piece)) return false;
    return true;
  }

  saved(): Promise<boolean> {
    return Promise.resolve(true);
  }

  control(): void {}

  latency(ms: number, asked: boolean): void {
    const line = `${ms.toFixed(2)}\n`;
    if (asked) this.#io.write(line);
    else this.#io.writeError(`round trip ${line.trim()} ms\n`);
  }

  closed(info: CloseInfo): void {
    this.#io.writeError(`${showEnd(info)}\n`);
  }

  failed(error: unknown): void {
    this.#io.writeError(`fullduplex connect: ${showFailure(error)}\n`);
  }

  notice(text: string): void {
    this.#io.writeError(`${text}\n`);
  }
}

/** How many control frames may wait for a reader of standard output; more are left out. */
const WAITING_CONTROLS = 100;

/** Everything on standard output, an object a line. */
export class JsonView implements View {
  readonly #io: CliIo;
  #waiting = 0;

  /** @param io Where it writes. */
  constructor(io: CliIo) {
    this.#io = io;
  }

  opened({ url, protocol, extensions }: WebSocketConnection): void {
    this.#write({ event: "open", url, protocol, extensions });
  }

  message(data: string | Uint8Array): Promise<boolean> {
    const bytes = typeof data === "string" ? Buffer.byteLength(data) : data.length;
    return typeof data === "string"
      ? this.#write({ event: "message", type: "text", bytes, data })
      : this.#write({ event: "message", type: "binary", bytes, base64: base64(data) });
  }

  saved(type: "text" | "binary", bytes: number): Promise<boolean> {
    return this.#write({ event: "message", type, bytes });
  }

  async control(type: "ping" | "pong", payload: Uint8Array): Promise<void> {
    if (this.#waiting >= WAITING_CONTROLS) return;
    this.#waiting++;
    await this.#write({ event: type, bytes: payload.length, base64: base64(payload) });
    this.#waiting--;
  }

  latency(ms: number): void {
    this.#write({ event: "latency", ms });
  }

  closed({ closeCode, reason, wasClean, error }: CloseInfo): void {
    const clean = wasClean && error === undefined;
    const failure = error === undefined
      ? {}
      : { error: { code: error.code, message: error.message } };
    this.#write({ event: "close", code: closeCode, reason, clean, ...failure });
  }

  failed(error: unknown): void {
    const { code, status } = error as { code?: string; status?: number };
    const body = error instanceof HandshakeError && error.body !== "" ? { body: error.body } : {};
    const message = error instanceof Error ? error.message : String(error);
    this.#write({ event: "error", code, status, message, ...body });
    this.#io.writeError(`fullduplex connect: ${showFailure(error)}\n`);
  }

  notice(text: string): void {
    this.#write({ event: "notice", text });
  }

  #write(event: Record<string, unknown>): Promise<boolean> {
    // JSON itself escapes only the oldest control characters.
    const json = JSON.stringify(event).replace(
      /[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
    return this.#io.write(`${json}\n`);
  }
}

/** Shows what was saved: `text, 12 bytes`. */
export function showSaved(type: "text" | "binary", bytes: number): string {
  return `${type}, ${count(bytes, "byte")}`;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}
