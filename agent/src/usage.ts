// Metering: in which intervals a task held its resources. It holds them from the start of its first container's
// process to the end of its last. Intervals abut, never overlap and are never negative, so that their sum is exactly
// that time, in whole milliseconds of the agent's clock.

export interface UsageMeter {
  /** Start of the interval that is open; null before the first process and after the last interval was closed. */
  readonly openFromMs: number | null;
  readonly nextSequence: number;
  /** How many intervals were pulls of images, all before the first process. Left out: none. */
  readonly pulls?: number;
  /** Where the open interval is to be closed: the last process has ended. Left out: one may be running. */
  readonly endsAtMs?: number;
}

export interface UsageInterval {
  readonly sequence: number;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Images were pulled in it, and nothing ran yet. */
  readonly pull?: true;
}

export interface Metering {
  readonly meter: UsageMeter;
  readonly closed: UsageInterval | null;
}

export const newMeter: UsageMeter = { openFromMs: null, nextSequence: 0 };

/** An exit may be noticed a little after it happened; no interval is cut until it would have been. */
const noticeMs = 5_000;

/**
 * The meter runs from then on. Of containers that are started side by side the first counts, in whatever order they are
 * told of. A meter that was read before is not changed.
 */
export function openUsage(meter: UsageMeter, atMs: number): UsageMeter {
  return !hasRun(meter) && atMs < (meter.openFromMs ?? Infinity) ? { ...meter, openFromMs: atMs } : meter;
}

/** What was pulled before the first process ran is an interval of its own. Later pulls are in the time that is metered anyway. */
export function pullUsage(meter: UsageMeter, startedAtMs: number, endedAtMs: number): Metering {
  if (hasRun(meter) || meter.openFromMs !== null || endedAtMs <= startedAtMs) return { meter, closed: null };
  const next = { ...meter, nextSequence: meter.nextSequence + 1, pulls: (meter.pulls ?? 0) + 1 };
  return { meter: next, closed: { sequence: meter.nextSequence, startedAtMs, endedAtMs, pull: true } };
}

/** Ends the open interval and opens the next at the same instant. Nothing happens where the end is known. */
export function cutUsage(meter: UsageMeter, atMs: number): Metering {
  const closed = meter.endsAtMs === undefined ? interval(meter, atMs) : null;
  return closed && closed.endedAtMs > closed.startedAtMs
    ? { meter: { ...meter, openFromMs: closed.endedAtMs, nextSequence: meter.nextSequence + 1 }, closed }
    : { meter, closed: null };
}

/**
 * The last process ended then: nothing is metered after it. The interval stays open until the task is cleaned up, for what it
 * has sent is counted until then.
 */
export function endUsage(meter: UsageMeter, atMs: number): UsageMeter {
  return meter.openFromMs === null || meter.endsAtMs !== undefined ? meter : { ...meter, endsAtMs: atMs };
}

/** Ends the open interval for good, where the end is known to be. An end before the interval's start is taken for its start. */
export function closeUsage(meter: UsageMeter): Metering {
  const closed = meter.endsAtMs === undefined ? null : interval(meter, meter.endsAtMs);
  return closed ? { meter: { ...meter, openFromMs: null, nextSequence: meter.nextSequence + 1 }, closed } : { meter, closed: null };
}

/** Where the open interval is to be cut by now: every `intervalMs`, but not before an exit would have been noticed. */
export function dueCuts(meter: UsageMeter, nowMs: number, intervalMs: number): number[] {
  const cuts: number[] = [];
  if (meter.openFromMs === null || meter.endsAtMs !== undefined) return cuts;
  for (let cut = meter.openFromMs + intervalMs; cut + Math.min(noticeMs, intervalMs) <= nowMs; cut += intervalMs) cuts.push(cut);
  return cuts;
}

/** Whether an interval of running processes was closed. */
function hasRun({ nextSequence, pulls = 0 }: UsageMeter): boolean {
  return nextSequence > pulls;
}

function interval(meter: UsageMeter, endMs: number): UsageInterval | null {
  if (meter.openFromMs === null) return null;
  return { sequence: meter.nextSequence, startedAtMs: meter.openFromMs, endedAtMs: Math.max(meter.openFromMs, endMs) };
}
