/**
 * The client's end of a session: one loop that posts, one that receives.
 * @module
 */

import { unref } from "../../api/heartbeat.ts";
import type { FallbackMode, OpenAnswer } from "../wire/modes.ts";
import { parseLine, parseSeq } from "../wire/records.ts";
import { RecordSocket } from "../wire/record_socket.ts";
import type { ClientSetup } from "./options.ts";
import { receive } from "./receivers.ts";
import { pause, PollPace, retryMs } from "./pace.ts";
import { Refused, type Requests } from "./requests.ts";

/** How long what has come may stay unacknowledged in a stream, in milliseconds and characters. */
const ACK_DELAY_MS = 100;
const ACK_UNITS = 64 * 1024;

/** How long a server that takes nothing is left alone, in milliseconds. */
const HELD_BACK_MS = 50;

/** A response that ends sooner, and brings nothing, is suspicious, in milliseconds. */
const SOON_MS = 1000;

/** How long a request may take beside what the server lets it wait, in milliseconds. */
const REQUEST_MS = 10_000;

/** A session, by whatever requests. */
export class ClientSession extends RecordSocket {
  readonly #requests: Requests;
  readonly #setup: ClientSetup;
  readonly #answer: OpenAnswer;
  /** The modes that are left, the best first. */
  readonly #modes: FallbackMode[];
  readonly #controller = new AbortController();
  /** Ends the response that is being received. */
  #reception: AbortController | undefined;

  #started = false;
  #gone = false;
  #sending = false;
  #telling = false;
  /** Whether the server is to be told something though there is nothing to send. */
  #tellDue = false;
  /** What was told last. */
  #ackTold = 0;
  #unitsUntold = 0;
  #ackTimer: ReturnType<typeof setTimeout> | undefined;
  #aliveTimer: ReturnType<typeof setInterval> | undefined;
  #endTimer: ReturnType<typeof setTimeout> | undefined;
  /** When the server was asked last. */
  #askedAt = performance.now();
  /** When a request that posts was answered last. */
  #exchangedAt = 0;
  readonly #pace: PollPace;

  /**
   * @param modes Those that both sides have, the best first.
   */
  constructor(
    requests: Requests,
    setup: ClientSetup,
    answer: OpenAnswer,
    modes: readonly FallbackMode[],
  ) {
    super(setup.options);
    this.#requests = requests;
    this.#setup = setup;
    this.#answer = answer;
    this.#modes = [...modes];
    this.#pace = new PollPace(setup.pollIntervalMs);
  }

  /** Starts the loops; after `attach()`. */
  start(): void {
    this.#started = true;
    const { pollTimeoutMs } = this.#answer;
    this.#aliveTimer = setInterval(() => this.#stayAlive(), pollTimeoutMs / 2);
    unref(this.#aliveTimer);
    this.#receiveLoop();
    if (!this.outbox.empty) this.onOutput();
  }

  /** Shows that the client is there where nothing else does. */
  #stayAlive(): void {
    if (performance.now() - this.#askedAt >= this.#answer.pollTimeoutMs / 2) this.#tell();
  }

  // ------------------------------------------------------------------ sending

  protected override onOutput(): void {
    if (this.#sending || this.#gone || !this.#started) return;
    this.#sending = true;
    queueMicrotask(() => this.#sendLoop());
  }

  /** Posts what there is, one request after the other, each until it was answered. */
  async #sendLoop(): Promise<void> {
    await this.#persist(() => !this.outbox.empty, async () => {
      const before = this.outbox.acked;
      await this.#post();
      // It was answered without being taken: held back by its reader, until the time was up.
      if (!this.outbox.empty && this.outbox.acked === before) await this.#pause(HELD_BACK_MS);
    });
    this.#sending = false;
    this.#checkDone();
  }

  /**
   * Tells the server what has come, or only that the client is there. It does not wait for the other
   * loop's request, which may be held back until the server has got room for more by this one.
   */
  #tell(): void {
    this.#tellDue = true;
    if (this.#telling || this.#gone) return;
    this.#telling = true;
    queueMicrotask(() => this.#tellLoop());
  }

  async #tellLoop(): Promise<void> {
    await this.#persist(() => this.#tellDue, async () => {
      this.#tellDue = false;
      const ack = this.#ackNow();
      this.#told(ack);
      try {
        await this.#exchange(`a${ack}\n`);
      } catch (error) {
        this.#tellDue = true;
        throw error;
      }
    });
    this.#telling = false;
    this.#checkDone();
  }

  /** Makes requests as long as there is reason to, each until it succeeds or there is no use. */
  async #persist(due: () => boolean, request: () => Promise<void>): Promise<void> {
    let failures = 0;
    let since = 0;
    while (!this.#gone && due()) {
      try {
        await request();
        failures = 0;
      } catch (error) {
        if (this.#gone) return;
        if (error instanceof Refused) return this.#refused(error);
        if (failures === 0) since = performance.now();
        if (this.#isLost(since)) return this.#lost(error);
        await this.#pause(retryMs(++failures));
      }
    }
  }

  /** Whether something has failed for so long that the server has given the session up. */
  #isLost(since: number): boolean {
    return performance.now() - since > this.#answer.sessionTimeoutMs;
  }

  async #post(): Promise<void> {
    const ack = this.#ackNow();
    const { acked, last } = this.outbox;
    let body = `a${ack}\n`;
    let bytes = body.length;
    for (let seq = acked + 1; seq <= last; seq++) {
      const line = `${this.outbox.line(seq)}\n`;
      bytes += line.length * 3; // the most that it can take
      if (seq > acked + 1 && bytes > this.#answer.maxRequestBytes) break;
      body += line;
    }
    this.#told(ack);
    const number = await this.#exchange(body);
    if (!this.acknowledge(number)) throw new Refused(200);
    this.#pace.wake(); // what was sent may have an answer
  }

  /**
   * Posts lines.
   *
   * @returns The number of the last record that the server has.
   */
  async #exchange(body: string): Promise<number> {
    const { session, pollTimeoutMs } = this.#answer;
    this.#askedAt = performance.now();
    const text = await this.#requests.post(
      this.#requests.url({ action: "send", session }),
      body,
      pollTimeoutMs + REQUEST_MS,
      this.#controller.signal,
    );
    this.#exchangedAt = performance.now();
    const taken = /^a([0-9]+)\n$/.exec(text);
    const number = taken === null ? null : parseSeq(taken[1]);
    if (number === null) throw new Refused(200);
    return number;
  }

  // ---------------------------------------------------------------- receiving

  /** What may be acknowledged: not what came since the reader wants nothing more. */
  #ackNow(): number {
    return this.paused ? this.#ackTold : this.inbox.received;
  }

  #told(ack: number): void {
    this.#ackTold = Math.max(ack, this.#ackTold);
    this.#unitsUntold = 0;
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
  }

  override resume(): void {
    super.resume();
    if (this.inbox.received > this.#ackTold && this.#started) this.#tell();
  }

  async #receiveLoop(): Promise<void> {
    let failures = 0;
    let since = 0;
    let failedAt = 0;
    let worked = false;
    this.#announce();
    while (!this.#gone && !this.closeReceived) {
      if (this.paused) await this.#ready();
      const mode = this.#modes[0];
      const { received } = this.inbox;
      const begunAt = performance.now();
      let heard = false;
      try {
        await this.#receiveOnce(mode, () => heard = worked = true);
        const busy = this.inbox.received > received;
        // Something on the way ends what it should not: this must not turn in a circle.
        if (mode !== "poll" && !busy && this.#isSoon(begunAt)) throw new Error("it ended at once");
        worked = true;
        failures = 0;
        if (mode === "poll") await this.#pace.wait(busy);
      } catch (error) {
        if (this.#gone || this.closeReceived) break;
        if (error instanceof Refused) return this.#refused(error);
        // It was a good one until then.
        if (heard && (this.inbox.received > received || !this.#isSoon(begunAt))) failures = 0;
        if (failures === 0) since = performance.now();
        if (this.#isLost(since)) return this.#lost(error);
        // A way that has never brought anything is left for the next one, and so is one that brings
        // nothing any more while other requests are answered.
        const hopeless = !worked || (failures >= 2 && this.#exchangedAt > failedAt);
        if (hopeless && this.#modes.length > 1) {
          this.#modes.shift();
          this.#announce();
          failures = 0;
          worked = false;
          continue;
        }
        failedAt = performance.now();
        this.#tell(); // a frame or an event source hides why it failed; this will show it
        await this.#pause(retryMs(++failures));
      }
    }
  }

  #isSoon(begunAt: number): boolean {
    return performance.now() - begunAt < Math.min(SOON_MS, this.#answer.pollTimeoutMs / 2);
  }

  #announce(): void {
    try {
      this.#setup.onMode(this.#modes[0]);
    } catch (error) {
      this.#setup.onError(error);
    }
  }

  /** Makes one request for messages, and ends it when it is silent for too long. */
  async #receiveOnce(mode: FallbackMode, onLine: () => void): Promise<void> {
    const { session, pollTimeoutMs } = this.#answer;
    const { streamTimeoutMs, credentials } = this.#setup;
    const controller = this.#reception = new AbortController();
    const stream = mode !== "poll" && mode !== "long-poll";
    let timer: ReturnType<typeof setTimeout>;
    const expect = (ms: number) => {
      clearTimeout(timer);
      timer = setTimeout(() => controller.abort(new Error(`nothing came for ${ms} ms`)), ms);
    };
    expect(stream ? streamTimeoutMs : pollTimeoutMs + REQUEST_MS);
    const ack = this.#ackNow();
    this.#told(ack);
    this.#askedAt = performance.now();
    try {
      await receive(mode, {
        requests: this.#requests,
        session,
        ack: this.inbox.received,
        signal: controller.signal,
        withCredentials: credentials === "include",
        take: (line) => {
          expect(pollTimeoutMs + REQUEST_MS);
          onLine();
          this.#onLine(line, stream);
        },
        ready: () => {
          if (!this.paused) return undefined;
          clearTimeout(timer); // it is this side that does not read
          return this.#ready().then(() => expect(pollTimeoutMs + REQUEST_MS));
        },
      });
    } finally {
      clearTimeout(timer!);
      controller.abort(); // whatever is left of it
      if (this.#reception === controller) this.#reception = undefined;
    }
  }

  #onLine(line: string, stream: boolean): void {
    if (this.#gone) return;
    const parsed = parseLine(line);
    if (parsed === null) {
      return this.lose("WS_CONNECTION_LOST", "the server sent a line that is malformed");
    }
    // By what comes, for in pages that are hidden timers are rare.
    if (parsed.type === "nothing") return stream ? this.#stayAlive() : undefined;
    if (parsed.type === "ack") return;
    if (!this.take(parsed)) {
      return this.lose("WS_CONNECTION_LOST", "the server left a record out");
    }
    this.#unitsUntold += line.length;
    if (!stream || this.#gone || this.paused) return;
    // Without a next request to say so, the server must hear that it has come.
    if (this.#unitsUntold >= ACK_UNITS) this.#tell();
    else this.#ackTimer ??= setTimeout(() => this.#tell(), ACK_DELAY_MS);
  }

  #ready(): Promise<void> {
    return new Promise((resolve) => {
      if (!this.paused || this.#gone || this.ended) resolve();
      else this.onceResumed(resolve);
    });
  }

  /** Waits, but not beyond the end. */
  #pause(ms: number): Promise<void> {
    return pause(ms, this.#controller.signal);
  }

  // ------------------------------------------------------------------ the end

  /** Lets go when all is over and the server knows. */
  #checkDone(): void {
    if (!this.ended || !this.closeReceived || !this.outbox.empty) return;
    if (!this.#tellDue && !this.#telling && !this.#sending) this.onCut();
  }

  #refused(error: Refused): void {
    const why = error.status === 404 ? "the server has given the session up" : error.message;
    this.lose("WS_CONNECTION_LOST", why, error);
  }

  #lost(cause: unknown): void {
    const ms = this.#answer.sessionTimeoutMs;
    this.lose("WS_CONNECTION_LOST", `the server has not answered for ${ms} ms`, cause);
  }

  override release(): void {
    super.release();
    if (this.#gone) return;
    // The server is still to be told that its close record has come.
    this.#reception?.abort();
    this.#pace.wake();
    this.#endTimer = setTimeout(() => this.onCut(), this.#setup.options.closeTimeoutMs);
    this.#tell();
  }

  protected override onCut(): void {
    if (this.#gone) return;
    this.#gone = true;
    clearInterval(this.#aliveTimer);
    clearTimeout(this.#ackTimer);
    clearTimeout(this.#endTimer);
    this.#controller.abort();
    this.#reception?.abort();
    this.#pace.wake();
    this.outbox.clear();
  }
}
