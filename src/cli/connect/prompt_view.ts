/**
 * What happens, shown above the prompt.
 * @module
 */

import type { CloseInfo } from "../../api/channel.ts";
import type { WebSocketConnection } from "../../api/connection.ts";
import { count, escapeControls } from "../text.ts";
import { hexDump } from "./hex.ts";
import type { Prompt } from "./prompt.ts";
import { showEnd, showFailure, showOpening, showSaved, type View } from "./view.ts";

/** How many bytes of a binary message are shown. */
const SHOWN_BYTES = 4096;

const COLOURS = { received: 36, notice: 90, failure: 31, prompt: 32 } as const;

/** Colours text, where that is wanted. */
export function paint(text: string, kind: keyof typeof COLOURS, colours: boolean): string {
  return colours ? `\x1b[${COLOURS[kind]}m${text}\x1b[0m` : text;
}

/** Everything on the terminal: what came with `<` before it, so that no message looks like ours. */
export class PromptView implements View {
  readonly #colours: boolean;
  /** Where it writes; nothing is shown without. */
  prompt: Prompt | undefined;

  /** @param colours Whether there are colours. */
  constructor(colours: boolean) {
    this.#colours = colours;
  }

  opened(socket: WebSocketConnection): void {
    this.notice(showOpening(socket));
  }

  message(data: string | Uint8Array): Promise<boolean> {
    if (typeof data === "string") {
      return this.#received(escapeControls(data, "\n\t").replaceAll("\n", "\n  "));
    }
    const rows = [...hexDump(data.subarray(0, SHOWN_BYTES))].join("").split("\n").slice(0, -1);
    const more = data.length - SHOWN_BYTES;
    if (more > 0) rows.push(`… and ${count(more, "byte")} more, which --output FILE would keep`);
    return this.#received([showSaved("binary", data.length), ...rows].join("\n  "));
  }

  saved(type: "text" | "binary", bytes: number): Promise<boolean> {
    return this.#received(showSaved(type, bytes));
  }

  control(): void {}

  latency(ms: number): void {
    this.notice(`round trip ${ms.toFixed(2)} ms`);
  }

  closed(info: CloseInfo): void {
    this.#print(showEnd(info), info.wasClean && info.error === undefined ? "notice" : "failure");
  }

  failed(error: unknown): void {
    this.#print(showFailure(error), "failure");
  }

  notice(text: string): void {
    this.#print(text, "notice");
  }

  #received(text: string): Promise<boolean> {
    const line = `${paint("<", "received", this.#colours)} ${text}`;
    return this.prompt?.print(line) ?? Promise.resolve(true);
  }

  #print(text: string, kind: keyof typeof COLOURS): void {
    this.prompt?.print(paint(text, kind, this.#colours));
  }
}
