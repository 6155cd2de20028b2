/**
 * The `compression` option of servers and clients.
 * @module
 */

import type { Deflation } from "../connection/mod.ts";
import type { DeflateCodec, DeflatePolicy } from "../extensions/mod.ts";
import { checkInteger, wrongOption } from "./describe.ts";
import { checkOptionNames } from "./options.ts";

/** How messages are compressed (permessage-deflate, RFC 7692). */
export interface CompressionOptions {
  /**
   * From how many bytes on a message is compressed, unless `send()` says otherwise. Default: 1024.
   */
  thresholdBytes?: number;
  /** zlib's level, from 1 (fastest) to 9 (smallest). Default: 1. */
  level?: number;
  /**
   * zlib's memLevel, from 1 to 9: a sending context takes about `2 ** (memLevel + 9)` bytes beside
   * its window. Default: by the size of the message, and 5 with `contextTakeover`.
   */
  memLevel?: number;
  /**
   * Whether messages sent refer to earlier ones of the connection: fewer bytes for small messages
   * that resemble each other, for a context per connection: about 100 KB on Node with the default
   * window. Default: `false`; all connections share a few contexts.
   */
  contextTakeover?: boolean;
  /**
   * Whether the peer's messages may refer to earlier ones, for about `2 ** peerWindowBits` + 20,000
   * bytes per connection. Default: as `contextTakeover`.
   */
  peerContextTakeover?: boolean;
  /** The window for what is sent, 9 to 15. Default: 15, and 12 with `contextTakeover`. */
  windowBits?: number;
  /**
   * The window asked of the peer for what it sends, 8 to 15; a client that cannot limit its window
   * uses 15. Default: 15, and 12 with `peerContextTakeover`.
   */
  peerWindowBits?: number;
  /**
   * After how many milliseconds without a compressed message a sending context of
   * `contextTakeover` is given back; the next message starts a new one. 0 for never. Default: 60,000.
   */
  idleMs?: number;
  /** What deflates and inflates. Default: `node:zlib`, and on `./stream` the web's own streams. */
  codec?: DeflateCodec;
}

/** What has to be known of a codec to check options: it may be loaded later. */
export type CodecLimits = Pick<DeflateCodec, "minWindowBits" | "takeover">;

/** What the option comes to. */
export interface Compression<Codec extends CodecLimits = DeflateCodec> {
  /** What is negotiated. */
  readonly policy: DeflatePolicy;
  /** What does it. */
  readonly codec: Codec;
}

const COMPRESSION_OPTION_NAMES = [
  "thresholdBytes",
  "level",
  "memLevel",
  "contextTakeover",
  "peerContextTakeover",
  "windowBits",
  "peerWindowBits",
  "idleMs",
  "codec",
];

/**
 * zlib's level unless told otherwise. For 1 KiB of JSON, against 6: a tenth more bytes in nine tenths
 * of the time on Node, a third more in a third of the time on Deno and Bun.
 */
const LEVEL = 1;

/** A window that stays in the processor's cache with many connections. */
const TAKEOVER_WINDOW_BITS = 12;

/**
 * Checks a `compression` option.
 *
 * @param option What the caller gave.
 * @param standard The codec where the caller names none.
 * @returns What it comes to, or `undefined` for no compression.
 * @throws {TypeError} If it, or an option in it, has the wrong type or cannot be had.
 * @throws {RangeError} If a number is out of range.
 */
export function resolveCompression<Codec extends CodecLimits>(
  option: boolean | CompressionOptions | undefined,
  standard: Codec,
): Compression<Codec | DeflateCodec> | undefined {
  if (option === undefined || option === false) return undefined;
  if (option !== true && (typeof option !== "object" || option === null)) {
    throw wrongOption("compression", "a boolean or an object", option);
  }
  const options: CompressionOptions = option === true ? {} : option;
  checkOptionNames(options, COMPRESSION_OPTION_NAMES);
  const { codec: own } = options;
  const codec = own === undefined || own === null ? standard : checkCodec(own);
  const ownTakeover = checkFlag(options, "contextTakeover", false);
  const peerTakeover = checkFlag(options, "peerContextTakeover", ownTakeover);
  if (ownTakeover && !codec.takeover) {
    throw new TypeError(
      'Cannot use option "contextTakeover": this codec cannot take a context over; ' +
        "zlibCodec of ./zlib can",
    );
  }
  const ownWindowBits = checkNumber(
    options,
    "windowBits",
    ownTakeover ? TAKEOVER_WINDOW_BITS : 15,
    Math.max(9, codec.minWindowBits),
    15,
  );
  return {
    policy: {
      thresholdBytes: checkNumber(options, "thresholdBytes", 1024, 0, Number.MAX_SAFE_INTEGER),
      level: checkNumber(options, "level", LEVEL, 1, 9),
      memLevel: options.memLevel === undefined
        ? undefined
        : checkNumber(options, "memLevel", 8, 1, 9),
      ownTakeover,
      peerTakeover,
      ownWindowBits,
      peerWindowBits: checkNumber(
        options,
        "peerWindowBits",
        peerTakeover ? TAKEOVER_WINDOW_BITS : 15,
        8,
        15,
      ),
      idleMs: checkNumber(options, "idleMs", 60_000, 0, 2 ** 31 - 1),
    },
    codec,
  };
}

function checkFlag(
  options: CompressionOptions,
  name: "contextTakeover" | "peerContextTakeover",
  standard: boolean,
): boolean {
  const value = options[name] ?? standard;
  if (typeof value === "boolean") return value;
  throw wrongOption(name, "a boolean", value);
}

function checkNumber(
  options: CompressionOptions,
  name: "thresholdBytes" | "level" | "memLevel" | "windowBits" | "peerWindowBits" | "idleMs",
  standard: number,
  least: number,
  most: number,
): number {
  return checkInteger(name, options[name] ?? standard, least, most);
}

function checkCodec(codec: DeflateCodec): DeflateCodec {
  if (typeof codec?.createDeflater === "function" && typeof codec.createInflater === "function") {
    return codec;
  }
  throw wrongOption("codec", "a DeflateCodec, such as zlibCodec of ./zlib", codec);
}

/** Finds permessage-deflate among what was negotiated: nothing else is ever offered or accepted. */
export function findDeflate(negotiated: readonly unknown[]): Deflation | undefined {
  return negotiated[0] as Deflation | undefined;
}
