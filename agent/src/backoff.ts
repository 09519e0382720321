// Waiting times between attempts, exponential with full jitter (AWS Architecture Blog, "Exponential Backoff And
// Jitter"): many that failed at once don't come back at once.

export interface BackoffRange {
  readonly firstMs: number;
  readonly mostMs: number;
}

/** Before attempt `attempt` (0 for the first repeat). `random` in [0, 1). */
export function backoffMs(attempt: number, { firstMs, mostMs }: BackoffRange, random: number): number {
  return Math.round(random * Math.min(mostMs, firstMs * 2 ** Math.min(attempt, 30)));
}
