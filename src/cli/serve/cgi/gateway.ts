/**
 * The gateway between HTTP requests and programs (CGI).
 * @see RFC 3875
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import process from "node:process";
import { drained } from "../../../adapters/node/http_bridge.ts";
import { answerText } from "../answers.ts";
import { type Log, showError } from "../log.ts";
import { splitTarget, type Target } from "../target.ts";
import { makeEnvironment } from "./environment.ts";
import { HeadCollector, parseHead, type ProgramHead } from "./head.ts";
import { findProgram, type Program, type ProgramFolder } from "./programs.ts";
import { type ProgramEnd, ProgramRun } from "./run.ts";

/** Which programs there are, and their bounds. */
export interface GatewayOptions {
  readonly folders: readonly ProgramFolder[];
  /** The document root, for `PATH_TRANSLATED`. */
  readonly root: string | undefined;
  readonly allowOutside: boolean;
  /** How long a request may take, from its head to the end of its answer, in milliseconds. */
  readonly timeoutMs: number;
  /** How many programs may run at once. */
  readonly maxPrograms: number;
}

/** A request for a program. */
export interface GatewayRequest {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly target: Target;
  /** The port that it came to; `undefined` for a Unix socket. */
  readonly port: number | undefined;
  readonly secure: boolean;
  /** Who it is, where a password was asked for. */
  readonly user: string | undefined;
  /** Is told of each chunk of an answer. */
  onChunk(bytes: number): void;
  /** Answers for a target that is no program's. */
  elsewhere(target: Target): Promise<Response>;
  /** Sends an answer that is no program's. */
  send(response: Response): Promise<void>;
}

/** How many local redirects one request may take. */
const MAX_REDIRECTS = 10;

/** How long the end of a program may come after the end of its output, in milliseconds. */
const END_MS = 250;

/** Statuses of answers that have no body. */
const BODILESS = [204, 205, 304];

/** What happens to a program and its request. */
interface State {
  /** Whether its time was over. */
  late: boolean;
  /** Whether the client has left. */
  left: boolean;
  /** Whether the program's answer is under way. */
  sending: boolean;
}

/** What becomes of a request after a program: an answer of the server's, or another target. */
type Outcome = Response | Target | undefined;

/** Runs programs for requests. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #log: Log;
  readonly #runs: Set<ProgramRun> = new Set();
  readonly #onExit = () => this.stop();

  /**
   * @param options Which programs.
   * @param log Takes what they write to standard error, and what is wrong with them.
   */
  constructor(options: GatewayOptions, log: Log) {
    this.#options = options;
    this.#log = log;
    process.on("exit", this.#onExit); // no program outlives the server
  }

  /** Whether a target belongs to a program, or to nobody. */
  handles({ segments, path }: Target): boolean {
    return path.indexOf("/", 1) > 0 &&
      this.#options.folders.some(({ name }) => name === segments[0]);
  }

  /** Kills every program that runs. */
  stop(): void {
    process.removeListener("exit", this.#onExit);
    for (const run of this.#runs) run.kill();
  }

  /** Answers a request; nothing that a program or a client does makes it throw. */
  async answer(request: GatewayRequest): Promise<void> {
    const { incoming, outgoing } = request;
    const deadline = performance.now() + this.#options.timeoutMs;
    let { target } = request;
    try {
      for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
        const outcome = this.handles(target)
          ? await this.#run(request, target, hops > 0, deadline)
          : await request.elsewhere(target);
        if (outcome === undefined) return;
        if (outcome instanceof Response) return await request.send(outcome);
        target = outcome;
      }
      this.#log.error(`${request.target.path} failed: more than ${MAX_REDIRECTS} local redirects`);
      await request.send(failed());
    } catch (error) {
      if (!outgoing.destroyed) {
        this.#log.error(`${target.path} failed: ${showError(error, this.#log)}`);
      }
      outgoing.destroy();
    } finally {
      incoming.resume(); // what is left of the body is nobody's
    }
  }

  /** Finds the program and runs it, within all bounds. */
  async #run(
    request: GatewayRequest,
    target: Target,
    redirected: boolean,
    deadline: number,
  ): Promise<Outcome> {
    const { folders, allowOutside, maxPrograms } = this.#options;
    const { incoming } = request;
    const program = await findProgram(folders, target, allowOutside);
    if (program === undefined) return answerText(404, "There is nothing here");
    if (program === "locked") {
      this.#log.warn(`${target.path} is not run: its file is not executable`);
      return answerText(404, "There is nothing here");
    }
    // A program is told the length of its input (RFC 3875 §4.1.2), and there it is not known.
    if (incoming.headers["transfer-encoding"] !== undefined) {
      return answerText(411, "A program needs a Content-Length", { Connection: "close" });
    }
    if (this.#runs.size >= maxPrograms) {
      return answerText(503, "Too many programs are running", { "Retry-After": "5" });
    }
    const hasBody = !redirected && Number(incoming.headers["content-length"] ?? 0) > 0;
    let run: ProgramRun;
    try {
      run = this.#start(request, program, target, redirected, hasBody);
    } catch (error) {
      return this.#fail(target, `it cannot be started: ${showError(error, this.#log)}`);
    }
    this.#runs.add(run);
    const state: State = { late: false, left: false, sending: false };
    const timer = setTimeout(() => {
      state.late = true;
      this.#log.error(`${target.path} is killed: it took more than ${this.#seconds} s`);
      run.kill();
      if (state.sending) request.outgoing.destroy(); // it may wait for a client that does not read
    }, Math.max(0, deadline - performance.now()));
    run.ended.then(() => {
      clearTimeout(timer);
      this.#runs.delete(run);
    });
    return await this.#take(request, target, run, state);
  }

  #start(
    { incoming, user, port, secure }: GatewayRequest,
    program: Program,
    target: Target,
    redirected: boolean,
    hasBody: boolean,
  ): ProgramRun {
    const { method = "GET", httpVersion, rawHeaders, socket } = incoming;
    const environment = makeEnvironment(program, {
      // RFC 3875 §6.2.2: as if the client had asked for the other target.
      method: redirected && method !== "HEAD" ? "GET" : method,
      query: target.query.slice(1),
      httpVersion,
      rawHeaders,
      remoteAddress: socket.remoteAddress,
      host: target.authority ?? incoming.headers.host ?? "",
      port,
      secure,
      user,
      hasBody,
    }, this.#options.root);
    return new ProgramRun(program, environment, hasBody ? incoming : undefined, (line) => {
      this.#log.warn(`${program.scriptName}: ${line}`);
    });
  }

  /** Reads what a program says, and says it to the client. */
  async #take(
    request: GatewayRequest,
    target: Target,
    run: ProgramRun,
    state: State,
  ): Promise<Outcome> {
    const { outgoing } = request;
    const leave = () => {
      state.left = true;
      run.kill();
    };
    outgoing.once("close", leave);
    if (outgoing.destroyed) leave();
    let whole = false;
    try {
      const begun = await this.#readHead(request, target, run, state);
      if (begun === undefined || begun instanceof Response) return begun;
      const { head, first } = begun;
      if (head.redirect !== undefined) {
        const next = splitTarget(head.redirect);
        if (next === undefined) {
          return this.#fail(target, "its Location is no path of this server");
        }
        whole = true;
        return next;
      }
      state.sending = true;
      whole = await this.#send(request, target, run, state, head, first);
    } finally {
      state.sending = false;
      outgoing.removeListener("close", leave);
      // What is left to do after its answer a program may do until the deadline.
      if (whole) run.discard();
      else run.kill();
    }
    return undefined;
  }

  /** Waits for the head, and for a body where it matters whether there is one. */
  async #readHead(
    { incoming }: GatewayRequest,
    target: Target,
    run: ProgramRun,
    state: State,
  ): Promise<{ head: ProgramHead; first: Uint8Array } | Response | undefined> {
    const collector = new HeadCollector();
    for (;;) {
      const chunk = await run.next();
      if (state.left) return undefined;
      if (state.late) return answerText(504, "The program took too long");
      if (chunk === undefined) return this.#fail(target, showEnd(await soon(run.ended)));
      try {
        const whole = collector.push(chunk);
        if (whole === undefined) continue;
        const head = parseHead(whole.head);
        const bodiless = incoming.method === "HEAD" || BODILESS.includes(head.status);
        if (head.hasType || head.redirect !== undefined || bodiless) {
          return { head, first: whole.rest };
        }
        const first = whole.rest.length > 0 ? whole.rest : await run.next();
        if (state.left) return undefined;
        if (state.late) return answerText(504, "The program took too long");
        if (first === undefined) return { head, first: whole.rest };
        // RFC 3875 §6.3.1: who sends a body says what it is.
        return this.#fail(target, "it sends a body without Content-Type");
      } catch (error) {
        return this.#fail(target, (error as Error).message);
      }
    }
  }

  /**
   * Sends an answer whose head is known.
   *
   * @returns Whether the client got the whole of it.
   */
  async #send(
    { incoming, outgoing, onChunk }: GatewayRequest,
    target: Target,
    run: ProgramRun,
    state: State,
    head: ProgramHead,
    first: Uint8Array,
  ): Promise<boolean> {
    const { status, reason, fields, contentLength = Infinity } = head;
    outgoing.statusCode = status;
    if (reason !== "") outgoing.statusMessage = reason;
    for (const [name, values] of fields) {
      if (name === "content-length" && status === 204) continue; // RFC 9110 §8.6
      outgoing.setHeader(name, values.length === 1 ? values[0] : [...values]);
    }
    const bodiless = incoming.method === "HEAD" || BODILESS.includes(status);
    outgoing.flushHeaders();
    let sent = 0;
    let chunk: Uint8Array | undefined = first;
    for (; chunk !== undefined && !state.left; chunk = await run.next()) {
      if (bodiless || chunk.length === 0) continue;
      if (sent + chunk.length > contentLength) {
        // The client would take it for the next answer.
        this.#log.warn(`${target.path} sends more than its Content-Length, which is left out`);
        chunk = chunk.subarray(0, contentLength - sent);
        if (chunk.length === 0) break;
      }
      sent += chunk.length;
      onChunk(chunk.length);
      if (!outgoing.write(chunk)) await drained(outgoing);
    }
    if (state.left || state.late) return false;
    const end = await soon(run.ended);
    if (state.left || state.late) return false;
    if (end?.signal != null) {
      // What is there may be half of it: the client must not take it for the whole.
      this.#log.error(`${target.path} failed: ${showEnd(end)}`);
    } else if (!bodiless && contentLength !== Infinity && sent < contentLength) {
      this.#log.error(`${target.path} failed: it sends less than its Content-Length`);
    } else {
      if (end?.status) this.#log.warn(`${target.path}: ${showEnd(end)}`);
      outgoing.end();
      return true;
    }
    outgoing.destroy();
    return false;
  }

  #fail(target: Target, why: string): Response {
    this.#log.error(`${target.path} failed: ${why}`);
    return failed();
  }

  get #seconds(): number {
    return this.#options.timeoutMs / 1000;
  }
}

function failed(): Response {
  return answerText(502, "The program failed");
}

function showEnd(end: ProgramEnd | undefined): string {
  if (end === undefined) return "it closed its output without a head";
  const { status, signal, error } = end;
  if (error !== undefined) return `it cannot be started: ${error.code ?? error.message}`;
  if (signal !== null) return `it was ended by ${signal}`;
  if (status !== 0) return `it ended with status ${status}`;
  return "it ended without a head";
}

/** Waits for the end of a program that has nothing more to say; not for one that lingers. */
function soon(ended: Promise<ProgramEnd>): Promise<ProgramEnd | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), END_MS);
    ended.then((end) => {
      clearTimeout(timer);
      resolve(end);
    });
  });
}
