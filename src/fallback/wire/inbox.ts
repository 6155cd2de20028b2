/**
 * What comes from the other side: each record once and in order, fragments put together.
 * @module
 */

import { concatBytes } from "../../bytes.ts";
import type { Message } from "../../api/message_queue.ts";
import type { DataRecord, SequencedRecord } from "./records.ts";

/** What became of a record. */
export type Taken =
  /** It came before. */
  | "known"
  /** One before it is missing. */
  | "gap"
  /** It is a fragment that does not fit to those before it. */
  | "misfit"
  /** It was taken, and makes no whole message. */
  | "taken"
  /** It was taken, and this is the message. */
  | { readonly message: Message };

/** A fragment of fewer characters or bytes is a small one. */
const SMALL = 1024;
/** So many small ones in a row are made one. */
const JOIN_AT = 1024;

/** Counts records and puts messages together. */
export class Inbox {
  readonly #maxMessageBytes: number;
  /** The number of the last record that came. */
  received = 0;
  #type: "text" | "binary" | undefined;
  /** The fragments of the message under way; a run of small ones is joined in between. */
  #parts: Message[] = [];
  #smallParts = 0;
  #size = 0;
  /** Whether the message under way is above the limit, and was reported as such. */
  #skipping = false;

  /** @param maxMessageBytes The limit of one message. */
  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** What would become of a record, if it were taken. */
  look({ seq }: SequencedRecord): "known" | "gap" | "next" {
    return seq <= this.received ? "known" : seq > this.received + 1 ? "gap" : "next";
  }

  /** Takes a record. */
  take(record: SequencedRecord): Taken {
    const place = this.look(record);
    if (place !== "next") return place;
    if (record.type !== "close" && this.#type !== undefined && this.#type !== record.type) {
      return "misfit";
    }
    this.received = record.seq;
    return record.type === "close" ? "taken" : this.#assemble(record);
  }

  #assemble({ type, final, data }: DataRecord): Taken {
    if (final && this.#type === undefined) return { message: data };
    this.#type = final ? undefined : type;
    if (!this.#skipping) this.#add(data);
    if (final) {
      const skipped = this.#skipping;
      this.#skipping = false;
      return skipped ? "taken" : { message: this.#join(type) };
    }
    if (this.#size <= this.#maxMessageBytes || this.#skipping) return "taken";
    // Handed on as far as it came: its size is what the channel refuses it for.
    this.#skipping = true;
    return { message: this.#join(type) };
  }

  #add(data: Message): void {
    if (data.length === 0) return;
    this.#size += data.length;
    this.#parts.push(data);
    this.#smallParts = data.length < SMALL ? this.#smallParts + 1 : 0;
    if (this.#smallParts < JOIN_AT) return;
    // A peer that sends single characters must not make each of them cost an object.
    this.#smallParts = 0;
    this.#parts.push(join(this.#parts.splice(-JOIN_AT), typeof data === "string"));
  }

  #join(type: "text" | "binary"): Message {
    const message = join(this.#parts, type === "text");
    this.#parts = [];
    this.#size = this.#smallParts = 0;
    return message;
  }
}

function join(parts: Message[], text: boolean): Message {
  return text ? parts.join("") : concatBytes(parts as Uint8Array[]);
}
