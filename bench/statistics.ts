/** A sample in milliseconds, as the report shows it. */
export interface Distribution {
  samples: number
  min: number
  p50: number
  p90: number
  p99: number
  max: number
}

/** The nearest-rank percentile of a sorted list. */
function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

/** Nearest-rank percentiles, each a value that was measured. */
export function distribution(milliseconds: readonly number[]): Distribution {
  const sorted = milliseconds.toSorted((a, b) => a - b)
  return {
    samples: sorted.length,
    min: sorted[0] ?? Number.NaN,
    p50: percentile(sorted, 0.5),
    p90: percentile(sorted, 0.9),
    p99: percentile(sorted, 0.99),
    max: sorted.at(-1) ?? Number.NaN,
  }
}

/** The median of a few repeated runs. */
export function median(values: readonly number[]): number {
  return distribution(values).p50
}

/** Numbers from 0 to 1 that are the same in every run, so that all competitors get the same due times. */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
