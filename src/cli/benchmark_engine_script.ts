/**
 * The part of the benchmark page's script that measures; it runs in the page or in a worker.
 * @module
 */

/**
 * JavaScript for the browser. `runBenchmark(config, report)` measures one kind of exchange after the
 * other, each at every size, and reports as it goes; it returns a function that stops it.
 */
export const BENCHMARK_ENGINE_SCRIPT = String.raw`
"use strict";
function runBenchmark(config, report) {
  const EXCHANGE_MS = 60000, PROGRESS_MS = 100;
  const links = [];
  let stopped = false;

  // Byte i of what is verified is i modulo 251, as the server makes and expects it then.
  function patternOf(size) {
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i++) bytes[i] = i % 251;
    return bytes;
  }
  function isPattern(bytes) {
    for (let i = 0; i < bytes.length; i++) if (bytes[i] !== i % 251) return false;
    return true;
  }

  // A socket with at most one message that is waited for.
  function open() {
    const socket = new WebSocket(config.url);
    socket.binaryType = "arraybuffer";
    const link = { socket, resolve: undefined, reject: undefined };
    links.push(link);
    const settle = (name, value) => {
      const call = link[name];
      link.resolve = link.reject = undefined;
      if (call) call(value);
    };
    socket.onmessage = ({ data }) => settle("resolve", data);
    socket.onclose = ({ code }) => settle("reject", new Error("the connection closed with " + code));
    const opened = wait(link);
    socket.onopen = () => settle("resolve");
    return opened;
  }
  function wait(link) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("no answer in 60 seconds")), EXCHANGE_MS);
      link.resolve = (value) => { clearTimeout(timer); resolve(value); };
      link.reject = (error) => { clearTimeout(timer); reject(error); };
    });
  }

  const exchanges = {
    async send(link, size, payload) {
      const answer = wait(link);
      link.socket.send(payload);
      const text = await answer;
      if (text !== String(size)) throw new Error("the server says: " + text);
    },
    async receive(link, size) {
      const answer = wait(link);
      link.socket.send("receive " + size + (config.verify ? " pattern" : ""));
      const data = await answer;
      if (typeof data === "string") throw new Error("the server says: " + data);
      if (data.byteLength !== size) throw new Error(data.byteLength + " bytes came instead of " + size);
      if (config.verify && !isPattern(new Uint8Array(data))) throw new Error("the data came changed");
    },
  };

  async function measure(kind, size, done) {
    const payload = kind === "send" ? patternOf(size) : undefined;
    if (kind === "send") for (const { socket } of links) socket.send("send " + (config.verify ? 1 : 0));
    const exchange = exchanges[kind], all = config.warmUp + config.iterations;
    const times = [];
    let told = performance.now();
    for (let i = 0; i < all; i++) {
      const start = performance.now();
      await Promise.all(links.map((link) => exchange(link, size, payload)));
      const end = performance.now();
      if (i >= config.warmUp) times.push(end - start);
      if (stopped) return;
      if (end - told < PROGRESS_MS) continue;
      told = end;
      report({ type: "progress", done: done + (i + 1) / all });
    }
    const totalMs = times.reduce((sum, time) => sum + time, 0);
    const messages = times.length * links.length;
    report({
      type: "result", kind, size, sockets: links.length, iterations: times.length, done: done + 1,
      meanMs: totalMs / times.length, minMs: Math.min(...times), maxMs: Math.max(...times),
      // A clock that is coarse, against attacks on it, may show no time at all.
      messagesPerSecond: messages * 1000 / Math.max(totalMs, 0.001),
      bytesPerSecond: messages * size * 1000 / Math.max(totalMs, 0.001),
    });
  }

  async function run() {
    try {
      await Promise.all(Array.from({ length: config.sockets }, open));
      let done = 0;
      for (const kind of config.kinds) {
        for (const size of config.sizes) {
          if (stopped) break;
          report({ type: "begin", kind, size, done });
          await measure(kind, size, done++);
        }
      }
      report({ type: "end", stopped });
    } catch (error) {
      report(stopped ? { type: "end", stopped } : { type: "failed", message: error.message });
    }
    for (const { socket } of links) socket.close(1000);
  }
  run();
  return () => {
    stopped = true;
    for (const { socket } of links) socket.close(1000);
  };
}
`;
