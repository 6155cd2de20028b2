/** Medians and ratios. */

/** A ratio, as a median over rounds, and how far the rounds lie apart. */
export interface Ratio {
  median: number;
  least: number;
  most: number;
}

/** The median; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  if (sorted.length === 0) return NaN;
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
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
  return { median: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) };
}
