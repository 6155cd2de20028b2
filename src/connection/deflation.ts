/**
 * permessage-deflate for an engine: both halves of it, and the order that inflating needs. The engine
 * is given it, and imports it by its types only, so that who never compresses does not have the code.
 * @module
 */

import type { PermessageDeflate } from "../extensions/mod.ts";
import type { FrameFault, FrameWriter } from "../frames/mod.ts";
import { DeflatedOutput } from "./deflated_output.ts";
import { DeliveryLine } from "./delivery_line.ts";
import { Inflation } from "./inflation.ts";
import type { MessageSink } from "./receiver.ts";

/** What an engine compresses with. */
export class Deflation {
  /** What was negotiated. */
  readonly transform: PermessageDeflate;

  /**
   * @param transform What was negotiated, for this one connection.
   */
  constructor(transform: PermessageDeflate) {
    this.transform = transform;
  }

  /** Makes the order of deliveries; see {@linkcode DeliveryLine}. */
  line(onIdle: () => void, onFault: (fault: FrameFault) => void): DeliveryLine {
    return new DeliveryLine(onIdle, onFault);
  }

  /** Makes the receiving half; see {@linkcode Inflation}. */
  input(sink: MessageSink, line: DeliveryLine, limit: number): Inflation {
    return new Inflation(this.transform, sink, line, limit);
  }

  /** Makes the sending half; see {@linkcode DeflatedOutput}. */
  output(writer: FrameWriter, fragmentBytes: number): DeflatedOutput {
    return new DeflatedOutput(this.transform, writer, fragmentBytes);
  }
}
