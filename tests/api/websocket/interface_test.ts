import { assert, assertEquals, assertNotEquals, assertStrictEquals } from "@std/assert";
import { test } from "node:test";
import { thrown, URL, WebSocket } from "./sockets.ts";

const prototype = WebSocket.prototype;
const property = (on: object, key: PropertyKey) => Object.getOwnPropertyDescriptor(on, key)!;

const READ_ONLY = ["url", "readyState", "bufferedAmount", "extensions", "protocol"];
const WRITABLE = ["onopen", "onerror", "onclose", "onmessage", "binaryType"];
const CONSTANTS = [["CONNECTING", 0], ["OPEN", 1], ["CLOSING", 2], ["CLOSED", 3]] as const;

test("WebSocket is an interface of its own below EventTarget", () => {
  assertStrictEquals(Object.getPrototypeOf(prototype), EventTarget.prototype);
  assertStrictEquals(Object.getPrototypeOf(WebSocket), EventTarget);
  assertEquals((WebSocket as unknown as { name: string }).name, "WebSocket");
  assertEquals((WebSocket as unknown as { length: number }).length, 1);
  assertEquals(property(WebSocket, "prototype").writable, false);
  assertStrictEquals(property(prototype, "constructor").value, WebSocket);
  assertEquals(property(prototype, "constructor").enumerable, false);
  assertEquals(property(prototype, Symbol.toStringTag), {
    value: "WebSocket",
    configurable: true,
    enumerable: false,
    writable: false,
  });
  assertEquals(Object.prototype.toString.call(prototype), "[object WebSocket]");
});

test("attributes are enumerable accessors of the prototype", () => {
  for (const key of [...READ_ONLY, ...WRITABLE]) {
    const { get, set, enumerable, configurable } = property(prototype, key);
    assertEquals([typeof get, enumerable, configurable], ["function", true, true], key);
    assertEquals(get!.name, `get ${key}`);
    assertEquals(typeof set, WRITABLE.includes(key) ? "function" : "undefined", key);
  }
  const keys = [...READ_ONLY, ...WRITABLE, "send", "close", ...CONSTANTS.map(([key]) => key)];
  assertEquals(Object.keys(prototype).toSorted(), keys.toSorted());
});

test("methods have the number of arguments that they need as their length", () => {
  for (const [key, length] of [["send", 1], ["close", 0], ["addEventListener", 2]] as const) {
    assertEquals((prototype[key] as unknown as { length: number }).length, length);
  }
  for (const key of ["send", "close"]) {
    const { writable, enumerable, configurable } = property(prototype, key);
    assertEquals([writable, enumerable, configurable], [true, true, true]);
  }
});

test("constants stand on the class and on the prototype and cannot be changed", () => {
  for (const [key, value] of CONSTANTS) {
    for (const on of [WebSocket, prototype]) {
      const expected = { value, enumerable: true, writable: false, configurable: false };
      assertEquals(property(on, key), expected);
      assertEquals(thrown(() => (on as unknown as Record<string, number>)[key] = 9), "TypeError");
    }
  }
  assertEquals([WebSocket.OPEN, new WebSocket(URL).CLOSED], [1, 3]);
});

test("an instance has no properties of its own", () => {
  assertEquals(Reflect.ownKeys(new WebSocket(URL)).filter((key) => typeof key === "string"), []);
});

test("without new, and without a URL, WebSocket throws a TypeError", () => {
  const call = WebSocket as unknown as (url?: string) => void;
  assertEquals(thrown(() => call(URL)), "TypeError");
  assertEquals(thrown(() => Reflect.construct(WebSocket, [])), "TypeError");
});

test("attributes and methods throw a TypeError on any other object", () => {
  for (const wrong of [{}, prototype, new EventTarget(), null, undefined]) {
    for (const key of [...READ_ONLY, ...WRITABLE]) {
      const { get, set } = property(prototype, key);
      assertEquals(thrown(() => get!.call(wrong)), "TypeError", key);
      if (set) assertEquals(thrown(() => set.call(wrong, null)), "TypeError", key);
    }
    assertEquals(thrown(() => prototype.send.call(wrong as never, "")), "TypeError");
    assertEquals(thrown(() => prototype.close.call(wrong as never)), "TypeError");
  }
});

test("read-only attributes cannot be set, methods can be replaced on an instance", () => {
  const socket = new WebSocket(URL);
  const open = socket as unknown as Record<string, unknown>;
  for (const key of READ_ONLY) {
    const before = open[key];
    assertEquals(thrown(() => open[key] = "changed"), "TypeError");
    assertEquals(open[key], before);
  }
  open.send = 5;
  assertEquals(open.send, 5);
  delete open.send;
  assertNotEquals(open.send, 5);
});

test("a subclass is a WebSocket", () => {
  class Chat extends WebSocket {
    greet = () => this.send("hello");
  }
  const chat = new Chat(URL);
  assert(chat instanceof WebSocket && chat instanceof EventTarget);
  assertEquals([chat.readyState, thrown(chat.greet)], [0, "InvalidStateError"]);
});
