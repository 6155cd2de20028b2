/** What is used of Bun, so that these programs can be checked without its types. */

export interface NativeSocket {
  send(data: string | Uint8Array): number;
  subscribe(topic: string): void;
}

export interface BunApi {
  serve(options: unknown): { port: number; publish(topic: string, data: unknown): number };
}

/** Bun, which runs this. */
export const bun: BunApi = (globalThis as unknown as { Bun: BunApi }).Bun;
