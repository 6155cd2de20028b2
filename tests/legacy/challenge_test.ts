import { assert, assertEquals, assertMatch } from "@std/assert";
import { test } from "node:test";
import { answerChallenge, createKey, readKey } from "../../src/legacy/challenge.ts";
import { ANSWER, BAD_KEY, BODY, KEY_1, KEY_2, utf8 } from "./support.ts";

test("the well-known challenge of draft 76 has its well-known answer", () => {
  assertEquals([readKey(KEY_1), readKey(KEY_2)], [829309203, 259970620]);
  const answer = answerChallenge(829309203, 259970620, utf8(BODY));
  assertEquals(new TextDecoder("latin1").decode(answer), ANSWER);
});

test("the numbers of the draft's own examples are read", () => {
  assertEquals(readKey("18x 6]8vM;54 *(5:  {   U1]8  z [  8"), 155712099);
  assertEquals(readKey("1_ tx7X d  <  nw  334J702) 7]o}` 0"), 173347027);
  assertEquals(readKey("3e6b263  4 17 80"), 906585445);
  assertEquals(readKey("17  9 G`ZD9   2 2b 7X 3 /r90"), 179922739);
});

test("a key that stands for no number is refused, never cut off", () => {
  for (
    const [key, why] of [
      [BAD_KEY, "a remainder"],
      ["12345", "no space"],
      ["", "nothing"],
      [" ", "no digit"],
      ["a b", "no digit"],
      ["4294967296 ", "33 bits"],
      ["99999999999999999999999999999999 9", "more digits than a double holds"],
      [null, "absent"],
    ] as const
  ) {
    assertEquals(readKey(key), null, why);
  }
  assertEquals(readKey("4294967295 "), 0xffffffff);
  assertEquals(readKey(" 0"), 0);
  assertEquals(readKey("1\t0 "), 10); // a tab is no space
});

test("a key that is made reads back, and has its spaces inside", () => {
  const numbers = new Set<number>();
  for (let i = 0; i < 500; i++) {
    const { value, number } = createKey();
    assertEquals(readKey(value), number, value);
    assertMatch(value, /^[!-~][ -~]*[!-~]$/);
    const spaces = value.split(" ").length - 1;
    const noise = value.replace(/[0-9 ]/g, "").length;
    assert(spaces >= 1 && spaces <= 12, value);
    assert(noise >= 1 && noise <= 12, value);
    numbers.add(number);
  }
  assert(numbers.size > 490, `${numbers.size} numbers in 500 keys`);
});
