// Log lines as hosts write them and the log store keeps them: `TIME STREAM F|P TEXT`, where P says that the line goes on
// in the next one.
import type { LogLine } from './task.js';

/** A line is cut here. The keeper itself breaks lines at 8 KiB; more can only be a damaged file. */
export const maxLineBytes = 64 * 1024;

/** @returns null for what the keeper did not write (the rest of a file that was cut). */
export function parseLogLine(line: string, container: string): LogLine | null {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([FP]) (.*)$/s.exec(line);
  if (!match) return null;
  const [, at, stream, tag, text] = match as unknown as [string, string, 'stdout' | 'stderr', string, string];
  return { at, container, stream, text: text.slice(0, maxLineBytes), partial: tag === 'P' };
}

/** Whole milliseconds since the epoch. Times have nanoseconds, which no Date holds. */
export function timeOf(line: LogLine): number {
  return Date.parse(line.at);
}

/** A line and the place in its container's log right after it: whoever has read it goes on there. */
export type PlacedLine = LogLine & { readonly end: number };

/** Lines as they are read. `from`: where that began, by container; said once and first, where it was not the beginning. */
export interface LogBatch {
  readonly from?: Readonly<Record<string, number>> | undefined;
  readonly lines: readonly PlacedLine[];
}

/** Which lines are wanted; null: no matter. `grep`: with this text in them. */
export interface LogSelection {
  readonly since: string | null;
  readonly until: string | null;
  readonly grep: string | null;
  readonly stream: LogLine['stream'] | null;
}

export interface LogFilter {
  readonly sinceMs: number | null;
  readonly untilMs: number | null;
  isTooOld(line: LogLine): boolean;
  /** Whether it is wanted, its age apart. What stands for a gap always is. */
  accepts(line: LogLine): boolean;
}

export function logFilter({ since, until, grep, stream }: LogSelection): LogFilter {
  const sinceMs = since === null ? null : Date.parse(since);
  const untilMs = until === null ? null : Date.parse(until);
  return {
    sinceMs,
    untilMs,
    isTooOld: (line) => sinceMs !== null && timeOf(line) < sinceMs,
    accepts: (line) =>
      isGap(line) ||
      ((untilMs === null || timeOf(line) <= untilMs) &&
        (stream === null || line.stream === stream) &&
        (grep === null || line.text.includes(grep))),
  };
}

/** Stands where lines are missing, just before `next`. @param bytes of the log's files. */
const gapForm = /^\[berth: \d+ bytes of output were dropped here: the log is capped\]$/;

export function gapLine({ at, container }: LogLine, bytes: number): LogLine {
  return {
    at,
    container,
    stream: 'stderr',
    text: `[berth: ${bytes} bytes of output were dropped here: the log is capped]`,
    partial: false,
  };
}

function isGap({ stream, text }: LogLine): boolean {
  return stream === 'stderr' && gapForm.test(text);
}

/**
 * Lines of several containers as one list in order of time. Each container's own lines stay in their order, whatever
 * their times say.
 */
export function mergeByTime<L extends LogLine>(lists: readonly (readonly L[])[]): L[] {
  let { merged, rest } = mergeUntilOneEnds(lists);
  for (let open = rest.filter((list) => list.length > 0); open.length > 0; open = rest.filter((list) => list.length > 0)) {
    const more = mergeUntilOneEnds(open);
    merged = merged.concat(more.merged);
    rest = more.rest;
  }
  return merged;
}

/** As mergeByTime, as far as no list can get lines that belong before: until the first has none left. */
export function mergeUntilOneEnds<L extends LogLine>(lists: readonly (readonly L[])[]): { merged: L[]; rest: L[][] } {
  const positions = lists.map(() => 0);
  const merged: L[] = [];
  for (;;) {
    const heads = lists.map((list, index) => list[positions[index] as number]);
    const earliest = heads.reduce((best, head, index) => (isEarlier(head, heads[best]) ? index : best), 0);
    const head = heads[earliest];
    if (!head || heads.includes(undefined)) break;
    merged.push(head);
    positions[earliest] = (positions[earliest] as number) + 1;
  }
  return { merged, rest: lists.map((list, index) => list.slice(positions[index])) };
}

function isEarlier(line: LogLine | undefined, than: LogLine | undefined): boolean {
  return line !== undefined && than !== undefined && timeOf(line) < timeOf(than);
}
