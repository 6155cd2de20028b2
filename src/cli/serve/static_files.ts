/**
 * Files of a document root.
 * @module
 */

import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { evaluate } from "./conditions.ts";
import { contentType } from "./content_types.ts";
import type { Target } from "./target.ts";

/** How much of a file is in memory for one response, in bytes. */
const CHUNK_BYTES = 64 * 1024;

/** How the files are served. */
export interface StaticOptions {
  /** The real path of the document root. */
  readonly root: string;
  /** Whether symbolic links may lead out of it. */
  readonly allowOutside: boolean;
  /** How long others may keep a file without asking, in seconds; 0 for never. */
  readonly maxAgeSeconds: number;
  /** Real paths of files that are never served: keys, passwords, logs. */
  readonly secrets: ReadonlySet<string>;
  /** Real paths of folders whose files are never served: programs. */
  readonly hidden: readonly string[];
}

/** Serves the files below a folder: no listings, no dotfiles, nothing outside. */
export class StaticFiles {
  readonly #options: StaticOptions;

  /** @param options Which files, and how. */
  constructor(options: StaticOptions) {
    this.#options = options;
  }

  /**
   * Answers a GET or HEAD.
   *
   * @param request The request.
   * @param target Its target.
   * @returns The answer; `undefined` when there is no such file.
   */
  async answer(request: Request, target: Target): Promise<Response | undefined> {
    const { segments, isFolder } = target;
    if (segments.some((segment) => segment.startsWith("."))) return undefined;
    const path = join(this.#options.root, ...segments);
    const info = await stat(path).catch(() => undefined);
    if (info === undefined) return undefined;
    if (!info.isDirectory()) {
      return isFolder ? undefined : await this.#answerFile(request, path);
    }
    const index = await this.#answerFile(request, join(path, "index.html"));
    if (isFolder || segments.length === 0 || index === undefined) return index;
    await index.body?.cancel();
    // Relative, so that no host can be smuggled in, and encoded anew.
    const name = encodeURIComponent(segments.at(-1)!);
    return new Response(null, {
      status: 301,
      headers: { "Location": `./${name}/${target.query}`, "Cache-Control": "no-cache" },
    });
  }

  async #answerFile(request: Request, path: string): Promise<Response | undefined> {
    const { root, allowOutside, secrets, hidden } = this.#options;
    const real = await realpath(path).catch(() => undefined);
    if (real === undefined || secrets.has(real)) return undefined;
    if (secrets.has(real.replace(/\.\d+$/, ""))) return undefined; // a log that has rotated
    if (hidden.some((folder) => isInside(real, folder))) return undefined;
    if (!allowOutside && !isInside(real, root)) return undefined;
    // Opening a pipe would wait for its other end.
    if (!(await stat(real).catch(() => undefined))?.isFile()) return undefined;
    const file = await open(real, "r").catch(() => undefined);
    if (file === undefined) return undefined;
    let kept = false;
    try {
      const info = await file.stat();
      const ask = request.method === "GET";
      const version = {
        etag: `"${Math.floor(info.mtimeMs).toString(36)}-${info.size.toString(36)}"`,
        modified: Math.floor(info.mtimeMs / 1000),
      };
      const outcome = evaluate(request.headers, version, info.size, ask);
      const { maxAgeSeconds } = this.#options;
      const headers = new Headers({
        "Accept-Ranges": "bytes",
        "Cache-Control": maxAgeSeconds > 0 ? `max-age=${maxAgeSeconds}` : "no-cache",
        "ETag": version.etag,
        "Last-Modified": new Date(version.modified * 1000).toUTCString(),
        "X-Content-Type-Options": "nosniff",
      });
      const { status } = outcome;
      if (status === 304) return new Response(null, { status, headers });
      if (status === 412 || status === 416) {
        if (status === 416) headers.set("Content-Range", `bytes */${info.size}`);
        headers.set("Content-Length", "0");
        return new Response(null, { status, headers });
      }
      const { first, last } = status === 206 ? outcome.range : { first: 0, last: info.size - 1 };
      headers.set("Content-Type", contentType(real));
      headers.set("Content-Length", String(last - first + 1));
      if (status === 206) headers.set("Content-Range", `bytes ${first}-${last}/${info.size}`);
      if (!ask || last < first) return new Response(null, { status, headers });
      kept = true;
      return new Response(readFile(file, first, last), { status, headers });
    } finally {
      if (!kept) await file.close();
    }
  }
}

/** Tells whether a real path is below a real folder. */
export function isInside(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** Reads a part of a file as it is asked for, and closes the file, however that ends. */
function readFile(file: FileHandle, first: number, last: number): ReadableStream<Uint8Array> {
  let at = first;
  const end = async (): Promise<void> => {
    await file.close().catch(() => {});
  };
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      // The chunk before may still wait in the socket: each has its own memory.
      const chunk = new Uint8Array(Math.min(CHUNK_BYTES, last + 1 - at));
      try {
        const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
        if (bytesRead === 0) throw new Error("Cannot send file: it has become shorter");
        at += bytesRead;
        controller.enqueue(chunk.subarray(0, bytesRead));
        if (at <= last) return;
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      await end();
    },
    cancel: end,
  }, { highWaterMark: 0 });
}
