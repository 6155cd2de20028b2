import { assert, assertEquals, assertThrows } from "@std/assert";
import { test } from "node:test";
import { isInRange, parseAddress, parseRange, peerOf } from "../../src/server/address.ts";

const hexOf = (text: string): string | undefined => {
  const bytes = parseAddress(text);
  return bytes === null
    ? undefined
    : Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
};

test("addresses are read in all their forms", () => {
  assertEquals(hexOf("1.2.3.255"), "00000000000000000000ffff010203ff");
  assertEquals(hexOf("::ffff:1.2.3.255"), "00000000000000000000ffff010203ff");
  assertEquals(hexOf("::FFFF:102:3ff"), "00000000000000000000ffff010203ff");
  assertEquals(hexOf("::"), "0".repeat(32));
  assertEquals(hexOf("::1"), "0".repeat(31) + "1");
  assertEquals(hexOf("2001:db8::"), "20010db8" + "0".repeat(24));
  assertEquals(hexOf("2001:db8:1:2:3:4:5:6"), "20010db8000100020003000400050006");
  assertEquals(hexOf("fe80::1%eth0"), "fe80" + "0".repeat(27) + "1");
  assertEquals(hexOf("64:ff9b::1.2.3.4"), "0064ff9b" + "0".repeat(16) + "01020304");
});

test("what is no address is none", () => {
  const none = [
    ...["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", "0x7f.1.1.1", "2130706433"],
    ...[
      "localhost",
      "example.com",
      ":",
      ":::",
      "1:2",
      "1::2::3",
      "g::1",
      "[::1]",
      "::1]",
      "::1/64",
    ],
    ...["1:2:3:4:5:6:7:8:9", "12345::", "::1.2.3", "%", "::1%", "::1%a b", "unknown", "_hidden"],
    ...["1".repeat(100_000), ":".repeat(100_000), "1.".repeat(50_000)],
  ];
  for (const text of none) assertEquals(parseAddress(text), null, text.slice(0, 40));
});

test("a range holds its addresses and no others", () => {
  const cases: [range: string, inside: string[], outside: string[]][] = [
    ["10.0.0.0/8", ["10.255.0.1", "::ffff:10.0.0.1"], ["11.0.0.0", "9.255.255.255", "::10.0.0.1"]],
    ["192.168.4.0/22", ["192.168.7.255"], ["192.168.8.0", "192.168.3.255"]],
    ["1.2.3.4", ["1.2.3.4"], ["1.2.3.5"]],
    ["0.0.0.0/0", ["1.2.3.4"], ["::1", "2001:db8::1"]],
    ["::/0", ["::1", "1.2.3.4"], []],
    ["2001:db8::/33", ["2001:db8:7fff::1"], ["2001:db8:8000::1"]],
    ["::1", ["::1"], ["::2", "1.0.0.1"]],
  ];
  for (const [text, inside, outside] of cases) {
    const range = parseRange(text);
    for (const address of inside) assert(isInRange(parseAddress(address)!, range), address);
    for (const address of outside) assert(!isInRange(parseAddress(address)!, range), address);
  }
});

test("malformed ranges are refused", () => {
  for (const text of ["", "10/8", "10.0.0.0/33", "::/129", "::/-1", "1.2.3.4/", "a/8", "::1/1/2"]) {
    assertThrows(() => parseRange(text), TypeError, "Cannot use address range");
  }
});

test("an IPv4 address is a peer, and so is an IPv6 /64", () => {
  assertEquals(peerOf("1.2.3.4"), peerOf("::ffff:1.2.3.4"));
  assert(peerOf("1.2.3.4") !== peerOf("1.2.3.5"));
  assertEquals(peerOf("2001:db8:1:2::1"), peerOf("2001:db8:1:2:ffff:ffff:ffff:ffff"));
  assert(peerOf("2001:db8:1:2::1") !== peerOf("2001:db8:1:3::1"));
  assertEquals(peerOf(undefined), peerOf("not an address"));
});
