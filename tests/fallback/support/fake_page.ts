/**
 * What a page has and this runtime lacks: frames, and an EventSource where there is none. They read
 * what the server writes; tests/fallback/chromium_test.ts has the real ones.
 * @module
 */

import type { FrameLike, PageMessage } from "../../../src/fallback/client/platform.ts";

type Listener = (event: PageMessage) => void;

const listeners = new Set<Listener>();

/** A frame that fetches its document and does what its scripts, as the server writes them, do. */
class FakeFrame implements FrameLike {
  hidden = false;
  src = "";
  onload: ((event: unknown) => unknown) | null = null;
  readonly contentWindow = {};
  readonly #controller = new AbortController();

  remove(): void {
    this.#controller.abort();
  }

  async load(): Promise<void> {
    const { origin } = new URL(this.src);
    try {
      const response = await fetch(this.src, { signal: this.#controller.signal });
      if (response.ok) {
        let rest = "";
        const decoder = new TextDecoder();
        for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
          rest += decoder.decode(chunk, { stream: true });
          for (let end; (end = rest.indexOf("</script>")) >= 0; rest = rest.slice(end + 9)) {
            const call = /r\((".*")\)$/s.exec(rest.slice(0, end));
            if (call === null) throw new Error(`no call in ${rest.slice(0, end)}`);
            const data = `fullduplex:${JSON.parse(call[1])}`;
            const source = this.contentWindow;
            for (const listener of [...listeners]) listener({ data, origin, source });
          }
        }
      }
    } catch {
      if (this.#controller.signal.aborted) return;
      // A frame shows an error of the browser's then, and has loaded all the same.
    }
    this.onload?.({});
  }
}

/** As much of an EventSource as the client uses. */
class FakeEventSource {
  onmessage: ((event: { readonly data: string }) => unknown) | null = null;
  onerror: ((event: unknown) => unknown) | null = null;
  readonly #controller = new AbortController();

  constructor(url: string) {
    this.#read(url);
  }

  close(): void {
    this.#controller.abort();
  }

  async #read(url: string): Promise<void> {
    try {
      const { signal } = this.#controller;
      const response = await fetch(url, { signal, headers: { accept: "text/event-stream" } });
      if (response.headers.get("content-type") !== "text/event-stream") throw new Error("type");
      let rest = "";
      const decoder = new TextDecoder();
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        rest += decoder.decode(chunk, { stream: true });
        const events = rest.split("\n\n");
        rest = events.pop()!;
        for (const event of events) {
          const data = event.split("\n").filter((line) => line.startsWith("data: "));
          if (data.length > 0) {
            this.onmessage?.({ data: data.map((line) => line.slice(6)).join("\n") });
          }
        }
      }
    } catch {
      // It ends, one way or the other.
    }
    if (!this.#controller.signal.aborted) this.onerror?.({});
  }
}

/** Puts them where the client looks for them; returns what takes them away again. */
export function installPage(): () => void {
  const page = globalThis as unknown as Record<string, unknown>;
  const before = new Map<string, PropertyDescriptor | undefined>();
  const put = (name: string, value: unknown) => {
    before.set(name, Object.getOwnPropertyDescriptor(page, name));
    Object.defineProperty(page, name, { value, configurable: true, writable: true });
  };
  put("document", {
    createElement: () => new FakeFrame(),
    body: { appendChild: (frame: FakeFrame) => void frame.load() },
  });
  // Node has none of its own.
  const { addEventListener: add, removeEventListener: remove } = globalThis as Partial<
    typeof globalThis
  >;
  put("addEventListener", (type: string, listener: Listener) => {
    if (type === "message") listeners.add(listener);
    else if (add) Reflect.apply(add, globalThis, [type, listener]);
  });
  put("removeEventListener", (type: string, listener: Listener) => {
    if (type === "message") listeners.delete(listener);
    else if (remove) Reflect.apply(remove, globalThis, [type, listener]);
  });
  if (page.EventSource === undefined) put("EventSource", FakeEventSource);
  return () => {
    for (const [name, property] of before) {
      if (property === undefined) delete page[name];
      else Object.defineProperty(page, name, property);
    }
  };
}
