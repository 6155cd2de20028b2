/**
 * The transport over a Node socket, straight on its events: one call per chunk received, one write
 * per batch of frames, no stream in between.
 *
 * @module
 */

import type { Transport, TransportEvents } from "../../api/transport.ts";
import {
  useAllocator,
  useBuffers,
  useCopies,
  useTextWriter,
  useWideMasking,
} from "../../frames/mod.ts";
import { EMPTY_BYTES } from "../../bytes.ts";
import { findSha1 } from "../../handshake/mod.ts";
import { type Builtins, findBuiltin } from "./builtin.ts";
import type { LentReads } from "./lent_reads.ts";
import type { NodeSocket } from "./node_types.ts";

/** There wherever a socket is; a browser loads this module, and makes no transport. */
const process = findBuiltin("process") as Builtins["process"];

/** Less than this is as well taken from the runtime's heap, or filled with zeros at once. */
const PAGE_BYTES = 4096;

// Node and Deno run V8; Bun's JavaScriptCore is some 90 times slower with 64-bit words, and takes
// longer for a view than for a small array.
const BUN = "Bun" in globalThis;
if (BUN) useCopies(64);
else useWideMasking(true);

const Buffer = findBuiltin("buffer")?.Buffer;
if (Buffer !== undefined) {
  useBuffers(Buffer.allocUnsafeSlow); // what is no Buffer a socket makes one first
  if (!("Deno" in globalThis)) {
    // Where it saves a page or more. Deno's is filled with zeros all the same.
    useAllocator((length) =>
      length < PAGE_BYTES
        ? new Uint8Array(length)
        : new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
    );
    // Quicker than a TextEncoder with its view, but on Deno.
    const writePlain = useTextWriter();
    useTextWriter((text, target, at) =>
      target instanceof Buffer ? target.write(text, at) : writePlain(text, target, at)
    );
  }
}

// With the first handshake: loading it takes a tenth of all that loading a server does.
findSha1(() => {
  const crypto = findBuiltin("crypto");
  if (typeof crypto?.hash === "function") return (text) => crypto.hash("sha1", text, "base64");
});

/**
 * Whether a write that leaves at once goes without a callback, which costs Node a tick: 3 % of all
 * that a small echo takes. One that has to wait gets an empty write behind it, for that one's
 * callback, and those after it get their own until one leaves at once again. Not over TLS, where an
 * empty write makes Node read on at once, in the middle of what was read before; and on Deno it never
 * ends. On Bun there is nothing to gain.
 */
const QUIET = !("Deno" in globalThis || BUN);

/**
 * What is more than this goes to the socket in slices of about this size, one after the other: a
 * socket tells only when all of a write has left, and a peer that is slow in reading must be seen to
 * read.
 */
const SLICE_BYTES = 1024 * 1024;

/** What is read on and off below a TLS socket. */
interface EncryptedHandle {
  readStart(): void;
  readStop(): void;
}

/**
 * Finds the TCP handle below a TLS socket of Deno: its `pause()` keeps the decrypted bytes back but
 * reads on, so that a peer could fill the memory (Deno 2.9.6; tests/adapters/
 * node_back_pressure_test.ts, "a slow reader of ours holds the peer back over TLS"). With TLS in TLS
 * it is the handle below both (client/proxy_test.ts, "a slow reader holds the server back").
 */
function findEncryptedHandle(socket: NodeSocket): EncryptedHandle | undefined {
  if (!("Deno" in globalThis) || !("encrypted" in socket)) return undefined;
  const { _handle, _parent } = socket as {
    _handle?: { _parent?: Partial<EncryptedHandle> };
    _parent?: NodeSocket | null;
  };
  const below = _parent ? findEncryptedHandle(_parent) : undefined;
  if (below !== undefined) return below;
  const handle = _handle?._parent;
  return typeof handle?.readStart === "function" && typeof handle.readStop === "function"
    ? handle as EncryptedHandle
    : undefined;
}

/** Where a socket names its transport. */
const OWNER: unique symbol = Symbol("fullduplex.transport");

type OwnedSocket = NodeSocket & { [OWNER]: SocketTransport };

/**
 * Frees the memory of an array that nobody uses any more; `undefined` where that cannot be had (Node
 * 20), or is slower (Bun). Left to the garbage collector, the chunks of large messages fill memory
 * that is not in the processor's cache: 64 KiB messages cost up to 1.7 times as much.
 */
const free = BUN
  ? undefined
  : (ArrayBuffer.prototype as { transfer?(length: number): unknown }).transfer;

/** Chunks from this size on are freed: what is copied out of them costs less than they do. */
const FREED_BYTES = 16384;

const addLength = (sum: number, part: Uint8Array): number => sum + part.length;
/** Bun copies parts that it is to write together: from this size on that costs more than a write. */
const isCostly = (part: Uint8Array): boolean => part.length >= 16384;
const isNotEmpty = (part: Uint8Array): boolean => part.length > 0;

/** Drives a `net.Socket` or `tls.TLSSocket`, of Node or of another runtime's `node:net`. */
export class SocketTransport implements Transport {
  readonly remoteAddress: string | undefined;
  readonly #socket: NodeSocket;
  readonly #encrypted: EncryptedHandle | undefined;
  /** Whether the next write is expected to leave at once, and has no callback. */
  #quiet: boolean;
  /** Whether one ever is: see {@linkcode QUIET}. */
  readonly #plain: boolean;
  #events: TransportEvents | undefined;
  /** Whether the events know of chunks that are lent. */
  #lends = false;
  #ending = false;
  /** Whether the peer has ended its bytes, and whether `onEnd` was told. */
  #ended = false;
  #endTold = false;
  #paused = true;
  #closed = false;
  /** Whether `onDrain` is owed. */
  #waiting = false;
  /** Slices that wait for those before them, the next one last, and their bytes. */
  #slices: Uint8Array[] | undefined;
  #slicedBytes = 0;
  /** Whether `end()` waits for them. */
  #endLater = false;
  #error: unknown;

  /**
   * @param socket The socket, connected; its events are this transport's from now on.
   * @param proxied Whether a proxy is at the other end, whose address is not the peer's. Default:
   * `false`.
   * @param reads What hands out what the socket reads. Default: the socket itself does.
   */
  constructor(socket: NodeSocket, proxied = false, reads?: LentReads) {
    this.#socket = socket;
    this.#encrypted = findEncryptedHandle(socket);
    this.#plain = this.#quiet = QUIET && !socket.encrypted;
    this.remoteAddress = proxied ? undefined : socket.remoteAddress;
    this.#closed = socket.destroyed;
    (socket as OwnedSocket)[OWNER] = this;
    // The error listener comes first: an error without one would end the process.
    socket.on("error", SocketTransport.#onError);
    socket.on("close", SocketTransport.#onSocketClose);
    socket.on("end", SocketTransport.#onEnd);
    this.pause(); // before the data listener, which would start the flow
    if (reads === undefined) socket.on("data", SocketTransport.#onData);
    else reads.onChunk = (chunk) => this.#takeLent(chunk);
  }

  // Shared by all transports, so that an idle connection does not hold four closures.

  static #onError(this: OwnedSocket, error: unknown): void {
    this[OWNER].#error ??= error;
  }

  static #onSocketClose(this: OwnedSocket): void {
    this[OWNER].#onClose();
  }

  /** Node and Deno emit this even while paused, once all bytes were taken. */
  static #onEnd(this: OwnedSocket): void {
    this[OWNER].#ended = true;
    this[OWNER].#tellEnd();
  }

  static #onData(this: OwnedSocket, chunk: Uint8Array): void {
    this[OWNER].#take(chunk);
  }

  /** Hands out a chunk that the socket has made. */
  #take(chunk: Uint8Array): void {
    const own = chunk.length >= FREED_BYTES && chunk.length === chunk.buffer.byteLength;
    const lent = own && this.#lends && free !== undefined;
    this.#events?.onData(chunk, lent);
    if (lent) free.call(chunk.buffer, 0);
  }

  /** Hands out what lies in memory that the next read takes again. */
  #takeLent(chunk: Uint8Array): void {
    if (this.#lends) this.#events?.onData(chunk, true);
    else this.#events?.onData(new Uint8Array(chunk)); // not slice(): a Buffer's is a view
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength + this.#slicedBytes;
  }

  attach(events: TransportEvents): void {
    this.#events = events;
    this.#lends = false;
    if (this.#closed) queueMicrotask(() => this.#events?.onClose(this.#error));
    this.#endTold = false;
    if (this.#ended) queueMicrotask(() => this.#tellEnd());
  }

  lend(): void {
    this.#lends = true;
  }

  #tellEnd(): void {
    if (!this.#ended || this.#endTold || this.#paused || this.#closed) return;
    this.#endTold = true;
    this.#events?.onEnd();
  }

  write(parts: readonly Uint8Array[]): boolean {
    const socket = this.#socket;
    if (this.#ending || this.#closed) return true;
    if (parts.length === 1 && this.#slicedBytes === 0) {
      const length = parts[0].length;
      if (length > 0 && length <= SLICE_BYTES) { // the usual case
        if (this.#quiet) socket.write(parts[0]);
        else socket.write(parts[0], this.#onWritten);
        const waits = socket.writableLength > 0;
        if (waits && this.#quiet) socket.write(EMPTY_BYTES, this.#onWritten);
        this.#quiet = this.#plain && !waits;
        this.#waiting = waits;
        return !waits;
      }
    }
    // Empty parts are left out: on Deno 2.9 an empty write to a TLS socket never ends, and no later
    // one starts (tests/adapters/node_test.ts, "an empty body does not block").
    const last = parts.findLastIndex(isNotEmpty);
    if (last < 0) return true;
    if (this.#slicedBytes > 0 || parts.reduce(addLength, 0) > SLICE_BYTES) {
      this.#slice(parts);
    } else {
      const together = !BUN || !parts.some(isCostly);
      if (together) socket.cork();
      for (let i = 0; i < last; i++) if (parts[i].length > 0) socket.write(parts[i]);
      socket.write(parts[last], this.#onWritten);
      if (together) socket.uncork();
    }
    // Nothing left to write: the kernel has it all, and the memory is free again.
    this.#waiting = this.bufferedBytes > 0;
    return !this.#waiting;
  }

  #slice(parts: readonly Uint8Array[]): void {
    const slices: Uint8Array[] = [];
    for (const part of parts) {
      for (let at = 0; at < part.length; at += SLICE_BYTES) {
        slices.push(part.subarray(at, at + SLICE_BYTES));
      }
      this.#slicedBytes += part.length;
    }
    this.#slices = slices.reverse().concat(this.#slices ?? []);
    this.#writeSlices();
  }

  /** Writes slices, small ones together, until they have to wait. */
  #writeSlices(): void {
    const socket = this.#socket;
    while (this.#slicedBytes > 0 && socket.writableLength === 0) {
      if (!BUN) socket.cork();
      for (let written = 0; written < SLICE_BYTES && this.#slicedBytes > 0;) {
        const slice = this.#slices!.pop()!;
        written += slice.length;
        this.#slicedBytes -= slice.length;
        socket.write(slice, this.#onWritten);
      }
      if (!BUN) socket.uncork();
    }
  }

  /** The last part of a write has left; "drain" would not tell below the socket's own mark. */
  readonly #onWritten = (): void => {
    if (!this.#waiting || this.#closed || this.#socket.writableLength > 0) return;
    this.#writeSlices();
    if (this.bufferedBytes > 0) return;
    this.#waiting = false;
    if (this.#endLater) this.#socket.end();
    this.#events?.onDrain();
  };

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
    if (!this.#socket.destroyed) this.#encrypted?.readStop();
  }

  resume(): void {
    this.#paused = false;
    if (!this.#socket.destroyed) this.#encrypted?.readStart();
    this.#socket.resume();
    if (this.#ended) queueMicrotask(() => this.#tellEnd());
  }

  end(): void {
    if (this.#ending || this.#closed) return;
    this.#ending = true;
    if (this.#slicedBytes === 0) this.#socket.end();
    else this.#endLater = true;
  }

  destroy(): void {
    this.#socket.destroy();
    this.#onClose();
  }

  /** Gives the socket back, paused, to have another stream made over it. */
  release(): NodeSocket {
    const socket = this.#socket;
    this.#events = undefined;
    socket.removeListener("data", SocketTransport.#onData);
    socket.removeListener("end", SocketTransport.#onEnd);
    socket.removeListener("close", SocketTransport.#onSocketClose);
    if (!socket.destroyed) this.#encrypted?.readStart();
    return socket; // the error listener stays: an error without one would end the process
  }

  /** A tick runs when the microtasks are done, or before them when it is asked for outside of one. */
  defer(callback: () => void): void {
    process.nextTick(callback);
  }

  #onClose(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#slices = undefined;
    this.#slicedBytes = 0;
    this.#events?.onClose(this.#error);
  }
}
