/** A bar on standard error, where that is a terminal; else a line now and then. */

const WIDTH = 28;

/** Shows how far a run has come. */
export class Progress {
  readonly #total: number;
  readonly #terminal: boolean = Deno.stderr.isTerminal();
  readonly #start = performance.now();
  #done = 0;
  #saidPercent = 0;

  constructor(total: number) {
    this.#total = Math.max(1, total);
  }

  /** Says what comes now. */
  now(what: string): void {
    this.#show(what);
  }

  /** One step is done. */
  step(): void {
    this.#done++;
  }

  /** Says something that stays. */
  say(line: string): void {
    console.error(`${this.#terminal ? "\r\x1b[K" : ""}${line}`);
  }

  end(): void {
    this.#show("");
    if (this.#terminal) console.error();
  }

  #show(what: string): void {
    const part = Math.min(1, this.#done / this.#total);
    const percent = Math.floor(part * 100);
    const seconds = (performance.now() - this.#start) / 1000;
    const left = part > 0.02 ? `, ${Math.ceil(seconds / part - seconds)} s left` : "";
    const text = `${`${percent}`.padStart(3)} %${left}  ${what}`;
    if (this.#terminal) {
      const full = Math.round(part * WIDTH);
      const bar = "█".repeat(full) + "░".repeat(WIDTH - full);
      Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${bar} ${text}`));
    } else if (percent >= this.#saidPercent + 10 || percent === 100) {
      this.#saidPercent = percent;
      console.error(text);
    }
  }
}
