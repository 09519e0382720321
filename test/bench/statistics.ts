// The arithmetic of the benchmarks.

/** The value below which `share` (0–1) of the samples lie, by nearest rank: always one that was measured. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const rank = Math.min(sorted.length, Math.max(1, Math.ceil(share * sorted.length)));
  const value = sorted[rank - 1];
  if (value === undefined) throw new Error('There are no samples.');
  return value;
}

export interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export function latency(samplesMs: readonly number[]): Latency {
  return { p50Ms: round(percentile(samplesMs, 0.5)), p99Ms: round(percentile(samplesMs, 0.99)) };
}

/** Two decimals: more would pretend to a precision that the clock does not have. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}
