/** Medians and ratios. */

/** A ratio, as a median over rounds, and between what the middle half of the rounds lies. */
export interface Ratio {
  median: number;
  low: number;
  high: number;
}

/** The value below which a part of the values lies, between two of them if need be; NaN of nothing. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  if (sorted.length === 0) return NaN;
  const at = (sorted.length - 1) * part;
  const below = sorted[Math.floor(at)];
  return below + (sorted[Math.ceil(at)] - below) * (at - Math.floor(at));
}

/** The median; NaN of nothing. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/**
 * Compares round by round: what ran one after the other met the same machine.
 *
 * @param values One value per round.
 * @param peers The peer's, of the same rounds.
 */
export function ratio(values: readonly number[], peers: readonly number[]): Ratio | undefined {
  const ratios: number[] = [];
  for (let i = 0; i < Math.min(values.length, peers.length); i++) {
    const one = values[i] / peers[i];
    if (Number.isFinite(one)) ratios.push(one);
  }
  if (ratios.length === 0) return undefined;
  return { median: median(ratios), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) };
}
