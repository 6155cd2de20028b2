/**
 * Request bodies: bounded in bytes and time.
 * @module
 */

import { concatBytes } from "../../bytes.ts";
import { decodeUtf8 } from "../../api/dialect.ts";

/** What is wrong with a body. */
export interface BodyFault {
  readonly status: 400 | 408 | 413;
  readonly why: string;
}

/** Not the client's fault: it shall try again. */
export const CUT_SHORT: BodyFault = { status: 408, why: "the body was cut short" };

/**
 * Reads the text of a request.
 *
 * What is left of a body that is refused is not read: the response tells the runtime to close.
 *
 * @param request The request.
 * @param maxBytes The most bytes.
 * @param timeoutMs The deadline for all of it.
 */
export async function readText(
  request: Request,
  maxBytes: number,
  timeoutMs: number,
): Promise<string | BodyFault> {
  const tooLarge: BodyFault = { status: 413, why: `the body is above ${maxBytes} bytes` };
  const length = request.headers.get("content-length");
  if (length !== null && Number(length) > maxBytes) return tooLarge;
  if (request.body === null) return "";
  const reader = request.body.getReader();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), timeoutMs);
  });
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const next = await Promise.race([reader.read(), late]);
      if (next === "late") return { status: 408, why: `no body within ${timeoutMs} ms` };
      if (next.done) break;
      size += next.value.length;
      if (size > maxBytes) return tooLarge;
      chunks.push(next.value);
    }
  } catch {
    return CUT_SHORT;
  } finally {
    clearTimeout(timer);
  }
  if (length !== null && Number(length) !== size) return CUT_SHORT;
  return decodeUtf8(concatBytes(chunks)) ?? { status: 400, why: "the body is not valid UTF-8" };
}
