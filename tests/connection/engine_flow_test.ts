import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { closing, EngineRig, line, OP, peerBytes, ROLES } from "./engine_rig.ts";

const { CONT, TEXT, CLOSE, PING, PONG } = OP;
const LETTERS = ["a", "b", "c", "d", "e"];

for (const role of ROLES) {
  test(`a ${role} delivers exactly one message per resume when each one pauses`, () => {
    const rig = new EngineRig(role);
    rig.after = () => rig.engine.pause();
    rig.feed(...LETTERS.map((payload) => ({ opcode: TEXT, payload })));
    rig.feed({ opcode: TEXT, payload: "f" });
    for (const [i, letter] of [...LETTERS, "f"].entries()) {
      assertEquals(rig.events.length, i + 1);
      assertEquals(rig.events[i], `text ${letter}`);
      assertEquals(rig.engine.paused, true);
      rig.engine.resume();
    }
    assertEquals(rig.events.length, 6);
  });

  test(`a ${role} keeps what arrives while paused, in order, even inside a frame`, () => {
    const rig = new EngineRig(role);
    const bytes = peerBytes(
      role,
      ...LETTERS.map((payload) => ({ opcode: TEXT, payload: payload.repeat(30) })),
    );
    rig.engine.receive(bytes.slice(0, 40));
    rig.engine.pause();
    const before = rig.events.length;
    for (let at = 40; at < bytes.length; at += 7) rig.engine.receive(bytes.slice(at, at + 7));
    assertEquals(rig.events.length, before);
    rig.engine.resume();
    assertEquals(rig.events, LETTERS.map((letter) => `text ${letter.repeat(30)}`));
  });

  test(`a ${role} that is paused and resumed in the same callback goes on at once`, () => {
    const rig = new EngineRig(role);
    rig.after = () => {
      rig.engine.pause();
      rig.engine.resume();
    };
    rig.feed(...LETTERS.map((payload) => ({ opcode: TEXT, payload })));
    assertEquals(rig.events.length, 5);
  });

  test(`a ${role} takes bytes given inside a callback after those it is reading`, () => {
    const rig = new EngineRig(role);
    let more = true;
    rig.after = () => {
      if (!more) return;
      more = false;
      rig.feed({ opcode: TEXT, payload: "third" });
    };
    rig.feed({ opcode: TEXT, payload: "first" }, { opcode: TEXT, payload: "second" });
    assertEquals(rig.events, ["text first", "text second", "text third"]);
  });

  test(`a ${role} pauses between the slices of a streamed message`, () => {
    const rig = new EngineRig(role);
    rig.engine.streaming = true;
    rig.after = () => rig.engine.pause();
    rig.feed(
      { opcode: TEXT, fin: false, payload: "ab" },
      { opcode: CONT, payload: "cd" },
      { opcode: TEXT },
    );
    const steps = [];
    for (let i = 0; i < 8; i++) {
      steps.push(rig.events.splice(0));
      rig.engine.resume();
    }
    // A header and the first slice behind it come in one step; nothing else does.
    const events = steps.flat();
    assertEquals(events, ["start text", "slice 6162", "slice 6364", "end", "start text", "end"]);
    for (const step of steps) assertEquals(step.length <= 2, true, step.join());
  });

  test(`a ${role} reads the close that it kept while paused`, () => {
    const rig = new EngineRig(role);
    rig.engine.pause();
    rig.feed({ opcode: TEXT, payload: "a" }, { opcode: CLOSE, payload: closing(1000) });
    assertEquals([rig.events, rig.engine.state], [[], "open"]);
    rig.engine.resume();
    assertEquals([rig.events, rig.engine.state], [["text a", "close 1000"], "closed"]);
  });

  test(`a ${role} resumes by itself when messages are discarded`, () => {
    const rig = new EngineRig(role);
    rig.engine.pause();
    rig.feed({ opcode: TEXT, payload: "a" }, { opcode: CLOSE });
    rig.engine.discardMessages();
    assertEquals(rig.events, ["close 1005"]);
  });

  test(`a ${role} says and writes nothing after it was abandoned`, () => {
    for (const when of ["inside a callback", "outside"]) {
      const rig = new EngineRig(role);
      if (when === "outside") {
        rig.engine.sendText("unsent");
        rig.engine.abandon();
      } else {
        rig.after = () => rig.engine.abandon();
      }
      rig.feed({ opcode: TEXT, payload: "a" }, { opcode: PING }, { opcode: CLOSE });
      rig.feed({ opcode: 3 });
      assertEquals(rig.events, when === "outside" ? [] : ["text a"], when);
      assertEquals(rig.takeBytes().length, 0);
      assertEquals(rig.engine.state, "failed");
      rig.engine.resume();
    }
  });

  test(`a ${role} answers each ping at once while pongs are not held`, () => {
    const rig = new EngineRig(role);
    rig.feed(...LETTERS.map((payload) => ({ opcode: PING, payload })));
    assertEquals(rig.sent(), LETTERS.map((letter) => line(PONG, letter)));
  });

  test(`a ${role} answers the latest ping only when pongs were held`, () => {
    const rig = new EngineRig(role);
    rig.engine.holdPongs = true;
    rig.feed(...LETTERS.map((payload) => ({ opcode: PING, payload })));
    assertEquals(rig.sent(), []);
    rig.engine.holdPongs = false;
    rig.engine.holdPongs = false;
    assertEquals(rig.sent(), [line(PONG, "e")]);
    rig.feed({ opcode: PING, payload: "f" });
    assertEquals(rig.sent(), [line(PONG, "f")]);
  });

  test(`a ${role} keeps a held pong safe from changes of the chunk it came in`, () => {
    const rig = new EngineRig(role);
    rig.engine.holdPongs = true;
    const chunk = peerBytes(role, { opcode: PING, payload: "keep" });
    rig.engine.receive(chunk);
    chunk.fill(0);
    rig.engine.holdPongs = false;
    assertEquals(rig.sent(), [line(PONG, "keep")]);
  });

  test(`a ${role} drops a held pong when a close frame goes`, () => {
    const rig = new EngineRig(role);
    rig.engine.holdPongs = true;
    rig.feed({ opcode: PING, payload: "a" });
    rig.engine.close(1000);
    rig.engine.holdPongs = false;
    assertEquals(rig.sent(), [line(CLOSE, closing(1000))]);
  });

  test(`a ${role} sends no pong when the sink says no`, () => {
    const rig = new EngineRig(role);
    rig.answers = false;
    rig.feed({ opcode: PING, payload: "a" });
    assertEquals([rig.events, rig.sent()], [["ping 61"], []]);
  });
}
