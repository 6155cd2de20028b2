/**
 * Counters, gauges and histograms, and the text in which Prometheus reads them: exposition format
 * 0.0.4.
 *
 * @module
 */

/** The media type of the text. */
export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Label names and values. */
export type Labels = Readonly<Record<string, string>>;

/** One number that goes up, or up and down. */
export interface Sample {
  /** The number. */
  value: number;
}

/** A histogram of one set of labels. */
class HistogramSample {
  readonly counts: number[];
  sum = 0;
  count = 0;
  readonly #bounds: readonly number[];

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.sum += value;
    this.count++;
    const bucket = this.#bounds.findIndex((bound) => value <= bound);
    if (bucket >= 0) this.counts[bucket]++;
  }
}

/** A metric: its samples by their labels. */
interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  lines(): string[];
}

/** Metrics under one prefix, with labels that all of them have. */
export class Registry {
  readonly #prefix: string;
  readonly #constant: string[];
  readonly #families: Family[] = [];

  /**
   * @param prefix What names begin with.
   * @param labels Labels of every sample; names are valid.
   */
  constructor(prefix: string, labels: Labels) {
    this.#prefix = prefix;
    this.#constant = pairs(labels);
  }

  /**
   * Adds a counter or a gauge.
   *
   * @param read Brings the samples up to date before they are written. Default: they are already.
   * @returns What finds, or makes, the sample of a set of labels; the sets must be few.
   */
  number(
    type: "counter" | "gauge",
    name: string,
    help: string,
    read?: () => void,
  ): (labels: Labels) => Sample {
    const samples = new Map<string, Sample>();
    const lines = () => {
      read?.();
      return Array.from(
        samples,
        ([labels, { value }]) => `${this.#prefix}${name}${braces(labels)} ${formatNumber(value)}`,
      );
    };
    this.#families.push({ name, help, type, lines });
    return (labels) => {
      const key = this.#key(labels);
      let sample = samples.get(key);
      if (sample === undefined) samples.set(key, sample = { value: 0 });
      return sample;
    };
  }

  /**
   * Adds a histogram.
   *
   * @param bounds The upper bounds of its buckets, in ascending order, without infinity.
   * @returns What adds a value to that of a set of labels.
   */
  histogram(
    name: string,
    help: string,
    bounds: readonly number[],
  ): (labels: Labels, value?: number) => void {
    const samples = new Map<string, HistogramSample>();
    const full = this.#prefix + name;
    const lines = () =>
      Array.from(samples).flatMap(([labels, { counts, sum, count }]) => {
        let below = 0;
        const buckets = bounds.map((bound, i) => {
          below += counts[i];
          return `${full}_bucket${braces(labels, `le="${formatNumber(bound)}"`)} ${below}`;
        });
        return [
          ...buckets,
          `${full}_bucket${braces(labels, 'le="+Inf"')} ${count}`,
          `${full}_sum${braces(labels)} ${formatNumber(sum)}`,
          `${full}_count${braces(labels)} ${count}`,
        ];
      });
    this.#families.push({ name, help, type: "histogram", lines });
    return (labels, value) => {
      const key = this.#key(labels);
      let sample = samples.get(key);
      if (sample === undefined) samples.set(key, sample = new HistogramSample(bounds));
      if (value !== undefined) sample.observe(value);
    };
  }

  #key(labels: Labels): string {
    return [...this.#constant, ...pairs(labels)].join(",");
  }

  /** Writes all of it. */
  text(): string {
    let text = "";
    for (const { name, help, type, lines } of this.#families) {
      const full = this.#prefix + name;
      // "only the backslash and line feed characters are escaped" in a HELP line
      text += `# HELP ${full} ${help.replace(/\\/g, "\\\\").replace(/\n/g, "\\n")}\n`;
      text += `# TYPE ${full} ${type}\n`;
      for (const line of lines()) text += `${line}\n`;
    }
    return text;
  }
}

function pairs(labels: Labels): string[] {
  return Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
}

function escapeLabel(value: string): string {
  return value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}

function braces(labels: string, more = ""): string {
  const all = labels === "" || more === "" ? labels + more : `${labels},${more}`;
  return all === "" ? "" : `{${all}}`;
}

function formatNumber(value: number): string {
  return value === Infinity ? "+Inf" : String(value);
}
