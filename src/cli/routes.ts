/**
 * The addresses of the server that `start` runs.
 * @module
 */

import type { WebSocketConnection } from "../api/connection.ts";
import type { Message } from "../api/message_queue.ts";
import { ChatRoom } from "./chat.ts";

/** What one address does. */
export interface Route {
  /** What it does, in a few words. */
  readonly about: string;
  /**
   * Serves a connection until it ends.
   *
   * @param socket The connection.
   * @param messages Its messages.
   */
  serve(socket: WebSocketConnection, messages: AsyncIterable<Message>): Promise<void>;
}

/** How often `/time` tells the time, in milliseconds. */
const TICK_MS = 1000;

/** The longest name that the chat shows, in characters. */
const NAME_LIMIT = 32;

/** Makes the addresses, with a chat room of their own. */
export function createRoutes(): ReadonlyMap<string, Route> {
  const room = new ChatRoom();
  return new Map<string, Route>([
    ["/echo", { about: "sends back what it gets", serve: echo }],
    ["/chat", {
      about: "everyone hears everyone; ?name=ann puts a name before text",
      serve: (socket, messages) => chat(socket, messages, room),
    }],
    ["/time", { about: "tells the time each second", serve: time }],
  ]);
}

async function echo(socket: WebSocketConnection, messages: AsyncIterable<Message>): Promise<void> {
  // Waiting for each send holds back a peer that sends faster than it reads.
  for await (const message of messages) await socket.send(message);
}

async function chat(
  socket: WebSocketConnection,
  messages: AsyncIterable<Message>,
  room: ChatRoom,
): Promise<void> {
  const name = new URL(socket.url).searchParams.get("name") ?? "";
  room.join(socket);
  const shown = [...name].slice(0, NAME_LIMIT).join("");
  for await (const message of messages) await room.say(message, shown);
}

async function time(socket: WebSocketConnection, messages: AsyncIterable<Message>): Promise<void> {
  // A reader that is too slow misses a tick.
  const tell = () => socket.trySend(new Date().toISOString());
  tell();
  const timer = setInterval(tell, TICK_MS);
  try {
    for await (const _ of messages) continue;
  } finally {
    clearInterval(timer);
  }
}
