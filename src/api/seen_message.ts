/**
 * A message as an observer sees it.
 * @module
 */

import type { Direction, ObservedMessage } from "./observer.ts";

/** Counts the bytes of text only when somebody asks for them. */
export class SeenMessage implements ObservedMessage {
  readonly direction: Direction;
  readonly type: "text" | "binary";
  readonly data: string | Uint8Array | undefined;
  #length: number | undefined;

  /**
   * @param data The message; `undefined` for one that was streamed.
   * @param length Its bytes, where they are known.
   */
  constructor(
    direction: Direction,
    type: "text" | "binary",
    data: string | Uint8Array | undefined,
    length?: number,
  ) {
    this.direction = direction;
    this.type = type;
    this.data = data;
    this.#length = length;
  }

  get length(): number {
    const { data } = this;
    return this.#length ??= typeof data === "string" ? utf8Length(data) : data?.length ?? 0;
  }
}

/** Counts the bytes of a string in UTF-8; an unpaired surrogate counts as the U+FFFD it becomes. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    length++;
    if (unit < 0x800) continue;
    length++;
    // The other half of a pair adds nothing: two units, four bytes.
    if (unit >= 0xd800 && unit <= 0xdbff && isLowSurrogate(text.charCodeAt(i + 1))) i++;
  }
  return length;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
