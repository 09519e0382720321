// The agent's clock. Elapsed time must be true even when somebody sets the wall clock, so the wall clock is read
// once, at the agent's start, and every later time is that plus monotonic time. CLOCK_MONOTONIC counts from boot and
// is the same for every process, so times survive a restart of the agent if the anchor is journaled.
export interface Clock {
  /** Milliseconds since the epoch, whole, never backwards. */
  now(): number;
}

export interface ClockAnchor {
  readonly bootId: string;
  readonly wallMs: number;
  readonly monotonicMs: number;
}

export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

export function newAnchor(bootId: string): ClockAnchor {
  return { bootId, wallMs: Date.now(), monotonicMs: monotonicMs() };
}

/** One clock for one boot: an agent started again in the same boot uses the anchor of the first. */
export function clockFrom(anchor: ClockAnchor): Clock {
  return { now: () => anchor.wallMs + (monotonicMs() - anchor.monotonicMs) };
}
