import { test } from "node:test";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  checkProtocols,
  chooseProtocol,
  compileProtocols,
  parseOfferedProtocols,
} from "../../src/handshake/mod.ts";
import { openingRequest } from "./helpers.ts";

const request = openingRequest();

test("checkProtocols refuses what is no list of distinct tokens", () => {
  assertEquals(checkProtocols(["chat", "Chat", "v2.chat"]), ["chat", "Chat", "v2.chat"]);
  const given = ["a"];
  const checked = checkProtocols(given);
  given.push("b"); // a later change of the caller's list changes nothing
  assertEquals(checked, ["a"]);
  for (
    const bad of [
      "chat",
      {},
      null,
      [""],
      ["a b"],
      ["a,b"],
      ["a\r\nX: y"],
      ["caf\u00e9"],
      [1],
      ["a", "b", "a"],
    ]
  ) assertThrows(() => checkProtocols(bad as string[]), TypeError, "protocols");
});

test("parseOfferedProtocols refuses an empty, malformed or repeating offer", () => {
  assertEquals(parseOfferedProtocols(null), []);
  assertEquals(parseOfferedProtocols("chat, superchat"), ["chat", "superchat"]);
  assertEquals(parseOfferedProtocols("a, A"), ["a", "A"]);
  for (const value of ["", " ", ",", "a, a", "a b", "a, caf\u00e9", "a/b", '"a"', "a;b"]) {
    assertEquals(parseOfferedProtocols(value), null, value);
  }
});

test("a list chooses the client's first match, with regard to case", async () => {
  const choose = compileProtocols(["a", "b", "__proto__"]);
  assertEquals(await chooseProtocol(choose, ["x", "b", "a"], request), "b");
  assertEquals(await chooseProtocol(choose, ["A", "constructor"], request), "");
  assertEquals(await chooseProtocol(choose, ["__proto__"], request), "__proto__");
  assertEquals(await chooseProtocol(choose, [], request), "");
});

test("a server without the option chooses nothing", async () => {
  assertEquals(await chooseProtocol(null, ["a"], request), "");
});

test("a chooser gets the offers and the request, now or later", async () => {
  const seen: unknown[] = [];
  const choice = await chooseProtocol(
    (offered, request) => {
      seen.push(offered, request.url);
      return Promise.resolve(offered[1]);
    },
    ["a", "b"],
    request,
  );
  assertEquals(choice, "b");
  assertEquals(seen, [["a", "b"], request.url]);
  assertEquals(await chooseProtocol(() => null, ["a"], request), "");
  assertEquals(await chooseProtocol(() => undefined, ["a"], request), "");
});

test("a chooser is not called when the client offers nothing", async () => {
  const choose = () => {
    throw new Error("called");
  };
  assertEquals(await chooseProtocol(choose, [], request), "");
});

test("a chooser that answers with something else is misuse", async () => {
  for (const choice of ["b", "A", "", "a\r\nX: y", 1, false, {}]) {
    const choose = () => choice as string;
    await assertRejects(() => chooseProtocol(choose, ["a"], request), TypeError, "protocols");
  }
});

test("compileProtocols refuses an option of another type", () => {
  assertThrows(() => compileProtocols("chat" as unknown as string[]), TypeError, "protocols");
});
