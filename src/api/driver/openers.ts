/**
 * How drivers open: as a server, as a client, or not at all.
 * @module
 */

import { HandshakeError } from "../../errors.ts";
import {
  type AcceptedUpgrade,
  decideAtOnce,
  decideUpgrade,
  encodeRequestHead,
  encodeResponseHead,
  type HeaderField,
  HeadReader,
  refuse,
  type RefusedUpgrade,
  switchingProtocols,
  toUpgradeRequest,
  type UpgradeRequest,
  verifyResponse,
} from "../../handshake/mod.ts";
import type { ClientSetup } from "../client_options.ts";
import { findDeflate } from "../compression.ts";
import type { ServerSetup } from "../server_opening.ts";
import type { DriverCore, Opener } from "./driver.ts";

const NOTHING = new Uint8Array(0);

/** Reads a request, or has it already, and answers it. */
export class ServerOpener implements Opener {
  /** The request, once it is known. */
  request: UpgradeRequest | undefined;
  readonly #setup: ServerSetup;
  readonly #secure: boolean;
  readonly #reader: HeadReader<"request">;
  #driver!: DriverCore;
  #decided = false;

  constructor(setup: ServerSetup, request: UpgradeRequest | undefined, secure: boolean) {
    this.#setup = setup;
    this.request = request;
    this.#secure = secure;
    const { maxHeaderBytes } = setup.options;
    this.#reader = new HeadReader("request", { maxHeaderBytes });
  }

  start(driver: DriverCore): void {
    this.#driver = driver;
    if (this.request !== undefined) this.#decide(this.request, NOTHING);
  }

  feed(bytes: Uint8Array): void {
    if (this.#decided) return this.#driver.keep(bytes);
    const result = this.#reader.push(bytes);
    if (result === undefined) return;
    if ("fault" in result) return this.#refuse(refuse(result.fault));
    this.request = toUpgradeRequest(result.head, this.#secure);
    this.#decide(this.request, result.rest);
  }

  #decide(request: UpgradeRequest, rest: Uint8Array): void {
    this.#decided = true;
    const { policy } = this.#setup;
    const decision = decideAtOnce(request, policy);
    if (decision === undefined) {
      void decideUpgrade(request, policy).then((it) => this.#answer(it, rest));
    } else this.#answer(decision, rest);
  }

  #answer(decision: AcceptedUpgrade | RefusedUpgrade, rest: Uint8Array): void {
    if (!decision.accepted) {
      if (decision.error.code === "WS_VERIFY_FAILED") this.#setup.onError(decision.error.cause);
      return void this.#refuse(decision);
    }
    const headers = switchingProtocols(decision);
    if (headers instanceof Promise) {
      void headers.then((it) => this.#accept(decision, it, rest));
    } else this.#accept(decision, headers, rest);
  }

  #accept(decision: AcceptedUpgrade, headers: readonly HeaderField[], rest: Uint8Array): void {
    if (this.#driver.state !== "connecting") return; // it was given up meanwhile
    this.#driver.write(encodeResponseHead({ status: 101, headers }));
    const deflate = findDeflate(decision.negotiated);
    const { protocol, extensions } = decision;
    this.#driver.opened({ protocol, extensions, deflate }, rest);
  }

  #refuse({ response, error }: RefusedUpgrade): void {
    this.#decided = true;
    const { body, ...head } = response;
    const driver = this.#driver;
    if (head.status !== 0) {
      driver.write(encodeResponseHead(head));
      if (body instanceof ReadableStream) {
        return void this.#pump(body).then(() => driver.refused(error));
      }
      if (body !== null) driver.write(body);
    }
    driver.refused(error);
  }

  async #pump(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.getReader();
    // Given up meanwhile, nothing more is awaited of it.
    this.#driver.onOver.push(() => void reader.cancel().catch(() => {}));
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done || this.#driver.state !== "connecting") break;
        this.#driver.write(value);
      }
      await reader.cancel();
    } catch {
      // The body's source failed: the client sees a response that was cut short.
    }
  }
}

/** Sends a request, and checks the answer. */
export class ClientOpener implements Opener {
  /** The header fields of the answer, once it has come. */
  headers: Headers | undefined;
  readonly #setup: ClientSetup;
  readonly #reader: HeadReader<"response">;
  #driver!: DriverCore;
  #answered = false;

  constructor(setup: ClientSetup) {
    this.#setup = setup;
    const { maxHeaderBytes } = setup.options;
    this.#reader = new HeadReader("response", { maxHeaderBytes });
  }

  start(driver: DriverCore): void {
    this.#driver = driver;
    driver.write(encodeRequestHead(this.#setup.handshake));
  }

  feed(bytes: Uint8Array): void {
    const driver = this.#driver;
    if (this.#answered) return driver.keep(bytes);
    const result = this.#reader.push(bytes);
    if (result === undefined) return;
    this.#answered = true;
    if ("fault" in result) {
      const { code, message } = result.fault;
      return driver.refused(new HandshakeError(`Cannot connect: ${message}`, { code }));
    }
    const { head, rest } = result;
    this.headers = head.headers;
    void verifyResponse(this.#setup.handshake, head).then((verdict) => {
      if (!verdict.ok) return driver.refused(verdict.error);
      const { protocol, extensions, negotiated } = verdict;
      driver.opened({ protocol, extensions, deflate: findDeflate(negotiated) }, rest);
    });
  }
}

/** Is open at once: the handshake happened elsewhere. */
export class PlainOpener implements Opener {
  start(driver: DriverCore): void {
    driver.opened({ protocol: "", extensions: "" }, NOTHING);
  }

  feed(): void {}
}
