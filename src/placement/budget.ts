// What a disruption budget allows: how many may be missing, how many may be moved within an hour, and at which times.
import type { DisruptionBudget, DisruptionWindow, Weekday } from '@berth/contract';

/** The tasks that share a budget, as they are. */
export interface DisruptionGroup {
  readonly budget: DisruptionBudget | null;
  /** How many tasks there are to be; one and its replacement count once. Not needed without a budget. */
  readonly wanted: number;
  readonly available: number;
  /** Evictions that have begun and not ended, wherever. */
  readonly underWay: number;
  /** When evictions began, within the last hour. */
  readonly begunAtMs: readonly number[];
}

const hourMs = 3_600_000;

export function begunWithinHour({ begunAtMs }: DisruptionGroup, nowMs: number): number {
  return begunAtMs.filter((atMs) => nowMs - atMs < hourMs).length;
}

/** Whether the budget says how many have to run: only then it is known how many there are. */
export function keepsSome(budget: DisruptionBudget | null): boolean {
  return budget?.minAvailablePercent !== undefined || budget?.maxUnavailable !== undefined;
}

/** How many of the group may be evicted now without a replacement that runs. */
export function evictionsAllowed(group: DisruptionGroup, nowMs: number): number {
  const { budget, wanted, available } = group;
  if (!isOpen(budget?.windows, nowMs)) return 0;
  const byRate = budget?.maxPerHour === undefined ? Number.MAX_SAFE_INTEGER : budget.maxPerHour - begunWithinHour(group, nowMs);
  const byNumber = keepsSome(budget) ? available - minAvailable(budget, wanted) : Number.MAX_SAFE_INTEGER;
  return Math.max(0, Math.min(byRate, byNumber));
}

/** How many of `wanted` tasks have to be running. 0 when nothing is said about it. */
export function minAvailable(budget: DisruptionBudget | null, wanted: number): number {
  if (budget?.minAvailablePercent !== undefined) return Math.ceil((wanted * budget.minAvailablePercent) / 100);
  if (budget?.maxUnavailable !== undefined) return Math.max(0, wanted - budget.maxUnavailable);
  return 0;
}

export function isOpen(windows: readonly DisruptionWindow[] | undefined, nowMs: number): boolean {
  return windows === undefined || windows.some((window) => isWithin(window, nowMs));
}

const week: readonly Weekday[] = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** A window that ends at or before its beginning goes on into the next day; what counts is the day on which it began. */
function isWithin({ days, from, to, timeZone }: DisruptionWindow, nowMs: number): boolean {
  const { weekday, minutes } = localTime(timeZone, nowMs);
  const [begin, end] = [minutesOf(from), minutesOf(to)];
  const today = days.includes(week[weekday] as Weekday);
  if (begin < end) return today && minutes >= begin && minutes < end;
  const yesterday = days.includes(week[(weekday + 6) % 7] as Weekday);
  return (today && minutes >= begin) || (yesterday && minutes < end);
}

function minutesOf(clock: string): number {
  const [hours = 0, minutes = 0] = clock.split(':').map(Number);
  return hours * 60 + minutes;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function localTime(timeZone: string, nowMs: number): { weekday: number; minutes: number } {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', { timeZone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
    formats.set(timeZone, format);
  }
  const parts = Object.fromEntries(format.formatToParts(nowMs).map(({ type, value }) => [type, value]));
  const weekday = week.indexOf((parts.weekday ?? '').toLowerCase() as Weekday);
  return { weekday, minutes: Number(parts.hour) * 60 + Number(parts.minute) };
}
