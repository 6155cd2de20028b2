import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { ClientExtension, ExtensionOffer, ServerExtension } from "../../src/handshake/mod.ts";
import {
  checkExtensions,
  negotiateClient,
  negotiateServer,
  offerExtensions,
} from "../../src/handshake/negotiation.ts";
import { parseExtensions } from "../../src/handshake/mod.ts";

const parse = (value: string): ExtensionOffer[] => parseExtensions(value)!;

/** A toy that needs a `level` from 1 to 9 and takes the first offer that has one. */
const toyServer = (name: string): ServerExtension<string> => ({
  name,
  accept(offers) {
    for (const { params } of offers) {
      const [level, ...others] = params;
      if (level?.name === "level" && others.length === 0 && "123456789".includes(level.value!)) {
        return { response: { name, params: [level] }, extension: `${name} at ${level.value}` };
      }
    }
    return null;
  },
});

const toyClient = (name: string, ...levels: string[]): ClientExtension<string> => ({
  name,
  offers: () => levels.map((value) => ({ name, params: [{ name: "level", value }] })),
  accept({ params }) {
    if (params.length !== 1 || !levels.includes(params[0].value!)) return null;
    return { extension: `${name} at ${params[0].value}` };
  },
});

test("a server takes the first acceptable of several offers of one extension", () => {
  const offers = parse("toy; level=12; x, toy, toy; level=7, toy; level=3");
  assertEquals(negotiateServer([toyServer("toy")], offers), {
    extensions: "toy; level=7",
    negotiated: ["toy at 7"],
  });
});

test("a server hands a negotiator all offers of its name in the client's order", () => {
  const seen: ExtensionOffer[][] = [];
  const spy: ServerExtension = {
    name: "toy",
    accept: (offers) => {
      seen.push([...offers]);
      return null;
    },
  };
  const offers = parse("toy; a, other, toy; b");
  assertEquals(negotiateServer([spy], offers), { extensions: "", negotiated: [] });
  assertEquals(seen, [[offers[0], offers[2]]]);
});

test("a server ignores extensions it does not know, whatever their names", () => {
  const offers = parse("constructor, __proto__; toString=valueOf, toy; level=1, x-unknown");
  assertEquals(negotiateServer([toyServer("toy")], offers).extensions, "toy; level=1");
  assertEquals(negotiateServer([], offers), { extensions: "", negotiated: [] });
});

test("a server answers in its own order and does not ask a negotiator without offers", () => {
  const extensions = [toyServer("first"), toyServer("absent"), toyServer("second")];
  assertEquals(negotiateServer(extensions, parse("second; level=2, first; level=1")), {
    extensions: "first; level=1, second; level=2",
    negotiated: ["first at 1", "second at 2"],
  });
});

test("a server's negotiator that answers under another name is misuse", () => {
  const wrong: ServerExtension = {
    name: "a",
    accept: () => ({ response: { name: "b", params: [] }, extension: 1 }),
  };
  assertThrows(() => negotiateServer([wrong], parse("a")), TypeError, "another name");
});

test("a client offers several forms of one extension in order", () => {
  const extensions = [toyClient("b", "9", "3"), toyClient("a", "1")];
  assertEquals(offerExtensions(extensions), "b; level=9, b; level=3, a; level=1");
  assertEquals(offerExtensions([]), "");
});

test("a client refuses to offer under another name or with bad parameters", () => {
  const offering = (offer: ExtensionOffer): ClientExtension => ({
    name: "a",
    offers: () => [offer],
    accept: () => null,
  });
  assertThrows(() => offerExtensions([offering({ name: "b", params: [] })]), TypeError, '"b"');
  assertThrows(
    () => offerExtensions([offering({ name: "a", params: [{ name: "x", value: "\r\n" }] })]),
    TypeError,
    "must be tokens",
  );
});

test("a client takes the server's extensions in the server's order", () => {
  const extensions = [toyClient("b", "9", "3"), toyClient("a", "1"), toyClient("c", "1")];
  assertEquals(negotiateClient(extensions, parse("a; level=1, b; level=3")), ["a at 1", "b at 3"]);
  assertEquals(negotiateClient(extensions, []), []);
});

test("a client fails when the server chose what was not offered, or one extension twice", () => {
  const extensions = [toyClient("a", "1")];
  for (
    const response of ["b", "__proto__", "constructor", "A; level=1", "a; level=1, a; level=1"]
  ) {
    const result = negotiateClient(extensions, parse(response));
    assert("fault" in result && result.fault.includes("not offered"), response);
  }
});

test("a client fails when a negotiator declines or throws", () => {
  const declined = negotiateClient([toyClient("a", "1")], parse("a; level=2"));
  assert("fault" in declined && declined.fault.includes("not acceptable"));
  const cause = new Error("boom");
  const throwing: ClientExtension = {
    name: "a",
    offers: () => [],
    accept: () => {
      throw cause;
    },
  };
  const failed = negotiateClient([throwing], parse("a"));
  assert("fault" in failed && failed.cause === cause);
});

test("checkExtensions names the option when an entry cannot be used", () => {
  assertEquals(checkExtensions(undefined), []);
  const toy = toyServer("toy");
  const given = [toy];
  const checked = checkExtensions(given);
  given.pop(); // a later change of the caller's list changes nothing
  assertEquals(checked, [toy]);
  for (
    const bad of [
      {},
      [null],
      [{}],
      [{ name: "a" }],
      [{ name: "a b", accept: () => null }],
      [{ name: "", accept: () => null }],
      [toy, toy],
    ]
  ) assertThrows(() => checkExtensions(bad as ServerExtension[]), TypeError, "extensions");
});
