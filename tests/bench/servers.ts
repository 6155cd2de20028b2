/**
 * The servers that are measured, and whom each is compared with.
 * @module
 */

import { loadBytes } from "./load/frames.ts";
import type { Workload } from "./workloads.ts";

/** Where a program runs. */
export type RuntimeName = "node" | "node-newest" | "deno" | "bun";

/** One kind of server: a program, and what it can do. */
export interface ServerKind {
  /** What the command line and the reports call it, together with the runtime. */
  kind: string;
  /** The file in `programs/`, without its ending. */
  program: string;
  /** Where it runs. */
  runtimes: readonly RuntimeName[];
  /** Whom it is compared with: a kind of the same runtime. */
  peer: string;
  /** Environment variables. */
  env?: Record<string, string>;
  /** Whether it broadcasts. Default: false. */
  broadcast?: boolean;
  /** Arguments under permessage-deflate; `undefined` when it does not take part. */
  deflate?: readonly string[];
  /** Whether it answers nothing, and is measured where connections are idle. Default: false. */
  idle?: boolean;
  /** What it does with bytes that it does not parse, so that it has to be told what comes. */
  blind?: "echo" | "unmask" | "gather" | "deflate" | "streams";
  /** Whether it is part of `--quick`. Default: false. */
  quick?: boolean;
}

const NODES = ["node", "node-newest"] as const;

/** `ws` takes the native addon when it finds it, unless it is told not to. */
const PLAIN_WS = { WS_NO_BUFFER_UTIL: "1", WS_NO_UTF_8_VALIDATE: "1" };

/** Every kind. */
export const SERVER_KINDS: readonly ServerKind[] = [
  {
    kind: "ws",
    program: "ws",
    runtimes: NODES,
    peer: "ws",
    env: PLAIN_WS,
    broadcast: true,
    deflate: [],
    quick: true,
  },
  {
    kind: "ws-no-takeover",
    program: "ws",
    runtimes: NODES,
    peer: "ws",
    env: PLAIN_WS,
    deflate: ["no-takeover"],
  },
  {
    kind: "ws-bufferutil",
    program: "ws",
    runtimes: NODES,
    peer: "ws",
    broadcast: true,
    quick: true,
  },
  {
    kind: "fullduplex",
    program: "fullduplex",
    runtimes: NODES,
    peer: "ws",
    broadcast: true,
    deflate: [],
    quick: true,
  },
  { kind: "fullduplex-loop", program: "fullduplex_loop", runtimes: NODES, peer: "ws", quick: true },
  {
    kind: "fullduplex-streams",
    program: "fullduplex_streams",
    runtimes: NODES,
    peer: "fullduplex-loop", // it has the loop alone
  },
  { kind: "bare", program: "bare", runtimes: NODES, peer: "ws", idle: true },
  { kind: "floor", program: "floor", runtimes: NODES, peer: "ws", blind: "echo" },
  { kind: "floor-unmask", program: "floor", runtimes: NODES, peer: "ws", blind: "unmask" },
  { kind: "floor-gather", program: "floor", runtimes: NODES, peer: "ws", blind: "gather" },
  {
    kind: "floor-deflate",
    program: "floor_deflate",
    runtimes: NODES,
    peer: "ws",
    blind: "deflate",
    deflate: [],
  },
  {
    kind: "floor-streams",
    program: "floor_streams",
    runtimes: NODES,
    peer: "fullduplex-loop",
    blind: "streams",
  },
  { kind: "websocket", program: "websocket", runtimes: ["node"], peer: "ws", broadcast: true },
  { kind: "faye-websocket", program: "faye", runtimes: ["node"], peer: "ws", broadcast: true },
  { kind: "crossws", program: "crossws", runtimes: ["node"], peer: "ws", broadcast: true },
  {
    kind: "uwebsockets",
    program: "uwebsockets",
    runtimes: NODES,
    peer: "ws",
    broadcast: true,
    deflate: [],
  },
  {
    kind: "deno-native",
    program: "deno_native",
    runtimes: ["deno"],
    peer: "deno-native",
    broadcast: true,
    quick: true,
  },
  { kind: "floor", program: "floor", runtimes: ["deno"], peer: "deno-native", blind: "echo" },
  {
    kind: "floor-unmask",
    program: "floor",
    runtimes: ["deno"],
    peer: "deno-native",
    blind: "unmask",
  },
  {
    kind: "floor-gather",
    program: "floor",
    runtimes: ["deno"],
    peer: "deno-native",
    blind: "gather",
  },
  {
    kind: "fullduplex",
    program: "fullduplex",
    runtimes: ["deno"],
    peer: "deno-native",
    broadcast: true,
    quick: true,
  },
  { kind: "fullduplex-loop", program: "fullduplex_loop", runtimes: ["deno"], peer: "deno-native" },
  {
    kind: "fullduplex-deno",
    program: "fullduplex_deno",
    runtimes: ["deno"],
    peer: "deno-native",
    broadcast: true,
    quick: true,
  },
  {
    kind: "bun-native",
    program: "bun_native",
    runtimes: ["bun"],
    peer: "bun-native",
    broadcast: true,
    deflate: [],
    quick: true,
  },
  {
    kind: "fullduplex",
    program: "fullduplex",
    runtimes: ["bun"],
    peer: "bun-native",
    broadcast: true,
    deflate: [],
    quick: true,
  },
  { kind: "fullduplex-loop", program: "fullduplex_loop", runtimes: ["bun"], peer: "bun-native" },
  {
    kind: "fullduplex-bun",
    program: "fullduplex_bun",
    runtimes: ["bun"],
    peer: "bun-native",
    broadcast: true,
    quick: true,
  },
];

/** A kind on one runtime. */
export interface Subject extends ServerKind {
  runtime: RuntimeName;
  /** `kind@runtime`. */
  name: string;
}

/** What a socket of Node hands out at most. */
const CHUNK_BYTES = 65536;

/** All kinds of some runtimes. */
export function subjects(runtimes: readonly RuntimeName[]): Subject[] {
  return runtimes.flatMap((runtime) =>
    SERVER_KINDS.filter((server) => server.runtimes.includes(runtime))
      .map((server) => ({ ...server, runtime, name: `${server.kind}@${runtime}` }))
  );
}

/** Tells whether a server takes part in a workload. */
export function takesPart(server: ServerKind, workload: Workload): boolean {
  if (server.idle && workload.inFlight > 0) return false;
  if (workload.kinds !== undefined && !workload.kinds.includes(server.kind)) return false;
  if (workload.deflate) return server.deflate !== undefined;
  if (server.blind === "deflate") return false;
  if (server.kind === "ws-no-takeover") return false;
  if (server.blind && (workload.task === "handshakes" || workload.inFlight === 0)) return false;
  // Only messages that are longer than a chunk must be gathered.
  const gathered = workload.size >= CHUNK_BYTES;
  if (server.blind === "gather" && (!gathered || workload.fragments)) return false;
  if (server.blind === "unmask" && (gathered || workload.fragments)) return false;
  return workload.mode !== "broadcast" || server.broadcast === true;
}

/** The program's arguments for a workload. */
export function programArgs(server: ServerKind, workload: Workload): string[] {
  if (server.blind) {
    const { message, replyStart, replyBytes } = loadBytes(workload);
    return [server.blind, `${message.length}`, replyStart.toString("hex"), `${replyBytes}`];
  }
  return [workload.mode ?? "echo", ...(workload.deflate ? ["deflate", ...server.deflate!] : [])];
}
