/**
 * The sample handlers under `/_samples/`, to try clients with.
 * @module
 */

import type { Handler, HandlerCallbacks } from "../../api/handler.ts";
import type { ServerOptions } from "../../api/server_opening.ts";
import type { WebSocketConnection } from "../../api/connection.ts";
import { ChatRoom } from "../chat.ts";
import { showClose } from "../text.ts";
import { serveBenchmark } from "./benchmark_helper.ts";
import { type Entry, makeEntry } from "./handler_module.ts";

/** Where the samples are. */
export const SAMPLES = "/_samples/";

/** The bounds of `bench`: how long to wait, how often to send, and how much at once. */
const BENCH = { seconds: 60, count: 10_000, characters: 64 * 1024 };

/** What `cookie` sets for a query, and then closes, as pywebsocket's does. */
const COOKIES: ReadonlyMap<string, [name: string, value: string][]> = new Map([
  ["set", [["Set-Cookie", "foo=bar; Max-Age=86400"]]],
  ["set_httponly", [["Set-Cookie", "httpOnlyFoo=bar; Max-Age=86400; HttpOnly"]]],
  ["clear", [["Set-Cookie", "foo=0; Max-Age=0"], ["Set-Cookie", "httpOnlyFoo=0; Max-Age=0"]]],
]);

/** From how many bytes on that wait for a reader `echo` reads no more. */
const ECHO_BYTES = 256 * 1024;

/** The longest name that the chat shows, in characters. */
const NAME_LIMIT = 32;

/**
 * Makes the samples, with a chat room of their own.
 *
 * @param defaults The options of connections where a sample has no other.
 * @param onError Takes what a sample throws: `internal_error` does.
 * @returns The entries by their paths.
 */
export function makeSamples(
  defaults: ServerOptions,
  onError: (path: string, error: unknown) => void,
): ReadonlyMap<string, Entry> {
  const entries = new Map<string, Entry>();
  const room = new ChatRoom();
  const add = (name: string, about: string, handler: Handler, options: ServerOptions = {}) => {
    const path = SAMPLES + name;
    const report = (error: unknown) => onError(path, error);
    entries.set(path, makeEntry(handler, { ...defaults, onError: report, ...options }, about));
  };
  const compression = true;
  add("echo", 'sends back what it gets; "Goodbye" closes', echo, {
    compression,
    protocols: (offered) => offered[0],
  });
  add("echo_noext", "the same, without compression", echo, { compression: false });
  add("chat", "everyone hears everyone; ?name=ann puts a name before text", (socket) => {
    return chat(socket, room);
  }, { compression });
  add("close", 'closes with a code and a reason: "4001 busy"', close);
  add("abort", "cuts the connection when it is open", (socket) => socket.terminate());
  add("abort_handshake", "cuts the connection instead of opening it", () => {}, {
    verify: () => Response.error(),
  });
  add("bench", 'says it again and again, and closes: "SECONDS COUNT TEXT"', bench);
  add("benchmark_helper", 'counts and makes bytes: "send 0", "receive 1000"', serveBenchmark);
  add("cookie", "sets a cookie, tells which it got; or ?set ?set_httponly ?clear", cookie, {
    headers: (request) =>
      COOKIES.get(queryOf(request.url)) ?? [
        ["Set-Cookie", `fullduplex=${Date.now()}; Path=${SAMPLES}; SameSite=Strict`],
      ],
  });
  add("hsts", "asks the browser for TLS from now on (heeded over TLS only)", hello, {
    headers: { "Strict-Transport-Security": "max-age=86400" },
  });
  add("internal_error", "fails when it is open: 1011", () => {
    throw new Error("the sample internal_error fails, as it must");
  });
  add("origin_check", "lets pages of this server in, and nobody else", echo, {
    origins: "same-origin",
    verify: (request) =>
      request.headers.has("origin")
        ? undefined
        : new Response("Only a page may come here\n", { status: 403 }),
  });
  return entries;
}

/**
 * Answers at once, as pywebsocket's does: a close that came along with a message must not go before
 * the message's echo. Who does not read is not read from either.
 */
const echo: HandlerCallbacks = {
  message(socket, data) {
    if (socket.readyState !== 1) return;
    const sent = socket.send(data).catch(() => {}); // it may meet the end
    if (socket.bufferedAmount > ECHO_BYTES) {
      socket.pause();
      void sent.then(() => socket.resume());
    }
    if (data === "Goodbye") void socket.close();
  },
};

async function chat(socket: WebSocketConnection, room: ChatRoom): Promise<void> {
  const name = new URL(socket.url).searchParams.get("name") ?? "";
  room.join(socket);
  const shown = [...name].slice(0, NAME_LIMIT).join("");
  for await (const message of socket) await room.say(message, shown);
}

async function close(socket: WebSocketConnection): Promise<void> {
  for await (const message of socket) {
    const match = /^(\d{1,5})(?: ([^]*))?$/.exec(String(message).trim());
    if (match === null) await socket.send('say a code and a reason: "4001 busy"');
    else await closeWith(socket, Number(match[1]), match[2] ?? "");
  }
}

async function closeWith(
  socket: WebSocketConnection,
  closeCode: number,
  reason: string,
): Promise<void> {
  try {
    await socket.close(closeCode, reason);
  } catch {
    await socket.send(`${showClose(closeCode, reason)} cannot be sent in a close frame`);
  }
}

async function bench(socket: WebSocketConnection): Promise<void> {
  let wake = () => {};
  socket.closed.then(() => wake()); // the end of the connection ends a wait
  for await (const message of socket) {
    const match = /^(\d{1,4}(?:\.\d{1,6})?) (\d{1,9}) ([^]*)$/.exec(String(message));
    const [seconds, count] = [Number(match?.[1]), Number(match?.[2])];
    const text = match?.[3] ?? "";
    if (!(seconds <= BENCH.seconds && count <= BENCH.count && text.length <= BENCH.characters)) {
      const most = `${BENCH.seconds} seconds, ${BENCH.count} times, ${BENCH.characters} characters`;
      await socket.send(`say "SECONDS COUNT TEXT", at most ${most}`);
      continue;
    }
    for (let i = 0; i < count && socket.readyState === 1; i++) {
      await socket.send(text);
      if (seconds === 0) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, seconds * 1000);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return; // and thus close
  }
}

async function hello(socket: WebSocketConnection): Promise<void> {
  await socket.send("Hello");
}

const cookie: HandlerCallbacks = {
  ...echo,
  open(socket) {
    if (COOKIES.has(queryOf(socket.url))) return void socket.close();
    return socket.send(socket.request?.headers.get("cookie") ?? "no cookie");
  },
};

function queryOf(url: string): string {
  return new URL(url).search.slice(1);
}
