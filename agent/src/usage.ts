// Metering: in which intervals a task held its resources. It holds them from the start of its first container's
// process to the end of its last. Intervals abut, never overlap and are never negative, so that their sum is exactly
// that time, in whole milliseconds of the agent's clock.

export interface UsageMeter {
  /** Start of the interval that is open; null before the first process and after the last. */
  readonly openFromMs: number | null;
  readonly nextSequence: number;
}

export interface UsageInterval {
  readonly sequence: number;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

export const newMeter: UsageMeter = { openFromMs: null, nextSequence: 0 };

/** An exit may be noticed a little after it happened; no interval is cut until it would have been. */
const noticeMs = 5_000;

/**
 * The meter runs from then on. Of containers that are started side by side the first counts, in whatever order they are
 * told of. A meter that was read before is not changed.
 */
export function openUsage(meter: UsageMeter, atMs: number): UsageMeter {
  return meter.nextSequence === 0 && atMs < (meter.openFromMs ?? Infinity) ? { ...meter, openFromMs: atMs } : meter;
}

/** Ends the open interval and opens the next at the same instant. */
export function cutUsage(meter: UsageMeter, atMs: number): { meter: UsageMeter; closed: UsageInterval | null } {
  const closed = interval(meter, atMs);
  return closed && closed.endedAtMs > closed.startedAtMs
    ? { meter: { openFromMs: closed.endedAtMs, nextSequence: meter.nextSequence + 1 }, closed }
    : { meter, closed: null };
}

/** Ends the open interval for good. An end before the interval's start is taken for its start. */
export function closeUsage(meter: UsageMeter, atMs: number): { meter: UsageMeter; closed: UsageInterval | null } {
  const closed = interval(meter, atMs);
  return closed ? { meter: { openFromMs: null, nextSequence: meter.nextSequence + 1 }, closed } : { meter, closed: null };
}

/** Where the open interval is to be cut by now: every `intervalMs`, but not before an exit would have been noticed. */
export function dueCuts(meter: UsageMeter, nowMs: number, intervalMs: number): number[] {
  const cuts: number[] = [];
  if (meter.openFromMs === null) return cuts;
  for (let cut = meter.openFromMs + intervalMs; cut + Math.min(noticeMs, intervalMs) <= nowMs; cut += intervalMs) cuts.push(cut);
  return cuts;
}

function interval(meter: UsageMeter, endMs: number): UsageInterval | null {
  if (meter.openFromMs === null) return null;
  return { sequence: meter.nextSequence, startedAtMs: meter.openFromMs, endedAtMs: Math.max(meter.openFromMs, endMs) };
}
