/**
 * What is measured: how many connections send what, and how much of it is on its way at a time.
 * @module
 */

/** One kind of load. */
export interface Workload {
  /** What the command line and the reports call it. */
  name: string;
  /** A sentence for the reports. */
  title: string;
  /** Open connections. */
  connections: number;
  /** Messages that each connection has under way; for a broadcast, of the one that sends. */
  inFlight: number;
  /** The message's type. */
  type: "text" | "binary";
  /** Bytes of one message. */
  size: number;
  /** Whether a text has characters outside of ASCII. Default: false. */
  unicode?: boolean;
  /** Frames that carry one message. Default: 1. */
  fragments?: number;
  /** What the load does. Default: "messages"; "handshakes" connects and cuts, over and over. */
  task?: "messages" | "handshakes";
  /** What the server does with a message. Default: "echo". */
  mode?: "echo" | "broadcast";
  /** Whether permessage-deflate is negotiated and used. Default: false. */
  deflate?: boolean;
  /** Servers, by kind, that take part. Default: all that can. */
  kinds?: readonly string[];
}

/** The servers that a workload of scale is about. */
const MAIN_KINDS = ["fullduplex", "ws", "deno-native", "bun-native"];

function fragments(count: number): Workload {
  return {
    name: `fragments-${count}`,
    title: `8 connections, 4 in flight, 64,000 B binary in ${count} fragments`,
    connections: 8,
    inFlight: 4,
    type: "binary",
    size: 64_000,
    fragments: count,
    kinds: MAIN_KINDS,
  };
}

function connections(count: number): Workload {
  return {
    name: `connections-${count}`,
    title: `${count} connections, 1 in flight, 32 B binary`,
    connections: count,
    inFlight: 1,
    type: "binary",
    size: 32,
    kinds: MAIN_KINDS,
  };
}

/** Every workload, in the order in which they run. */
export const WORKLOADS: readonly Workload[] = [
  {
    name: "a",
    title: "64 connections, 1 in flight, 32 B binary",
    connections: 64,
    inFlight: 1,
    type: "binary",
    size: 32,
  },
  {
    name: "b",
    title: "64 connections, 16 in flight, 32 B binary",
    connections: 64,
    inFlight: 16,
    type: "binary",
    size: 32,
  },
  {
    name: "c",
    title: "64 connections, 1 in flight, 512 B text",
    connections: 64,
    inFlight: 1,
    type: "text",
    size: 512,
  },
  {
    name: "d",
    title: "8 connections, 4 in flight, 64 KiB binary",
    connections: 8,
    inFlight: 4,
    type: "binary",
    size: 64 * 1024,
  },
  {
    name: "e",
    title: "2 connections, 1 in flight, 4 MiB binary",
    connections: 2,
    inFlight: 1,
    type: "binary",
    size: 4 * 1024 * 1024,
  },
  {
    name: "f",
    title: "64 connections, 1 in flight, 1 KiB JSON, permessage-deflate",
    connections: 64,
    inFlight: 1,
    type: "text",
    size: 1024,
    deflate: true,
  },
  {
    name: "broadcast",
    title: "one 512 B text to 1,000 connections, 2 under way (counted: deliveries)",
    connections: 1000,
    inFlight: 2,
    type: "text",
    size: 512,
    mode: "broadcast",
  },
  {
    name: "handshakes",
    title: "16 connections at a time, opened and cut (counted: handshakes)",
    connections: 16,
    inFlight: 1,
    type: "text",
    size: 0,
    task: "handshakes",
  },
  {
    name: "unicode",
    title: "64 connections, 1 in flight, 512 B text with an é and a €",
    connections: 64,
    inFlight: 1,
    type: "text",
    size: 512,
    unicode: true,
  },
  ...[1, 10, 100, 1000].map(fragments),
  ...[1, 10, 100, 1000, 10_000].map(connections),
];

/** The workloads that run when the command line names none. */
export const STANDARD_NAMES: readonly string[] = [
  ...["a", "b", "c", "d", "e", "f"],
  ...["broadcast", "handshakes"],
];

/** What `--quick` runs. */
export const QUICK_NAMES: readonly string[] = ["a", "b", "c", "d", "e"];
