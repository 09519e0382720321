// conmon's log lines: `TIME STREAM F|P TEXT`, where P says that the line goes on in the next one.
import type { LogLine } from '@berth/contract';

/** A line is cut here. conmon itself breaks lines at 8 KiB; more can only be a damaged file. */
export const maxLineBytes = 64 * 1024;

/** @returns null for what conmon did not write (the rest of a file that was cut). */
export function parseLogLine(line: string, container: string): LogLine | null {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([FP]) (.*)$/s.exec(line);
  if (!match) return null;
  const [, at, stream, tag, text] = match as unknown as [string, string, 'stdout' | 'stderr', string, string];
  return { at, container, stream, text: text.slice(0, maxLineBytes), partial: tag === 'P' };
}

/** Whole milliseconds since the epoch. conmon writes nanoseconds, which no Date holds. */
export function timeOf(line: LogLine): number {
  return Date.parse(line.at);
}

/**
 * Lines of several containers as one list in order of time. Each container's own lines stay in their order, whatever
 * their times say.
 */
export function mergeByTime(lists: readonly (readonly LogLine[])[]): LogLine[] {
  const positions = lists.map(() => 0);
  const merged: LogLine[] = [];
  for (;;) {
    let earliest = -1;
    for (let list = 0; list < lists.length; list++) {
      const line = lists[list]?.[positions[list] as number];
      const best = earliest < 0 ? undefined : lists[earliest]?.[positions[earliest] as number];
      if (line && (!best || timeOf(line) < timeOf(best))) earliest = list;
    }
    if (earliest < 0) return merged;
    merged.push(lists[earliest]?.[positions[earliest] as number] as LogLine);
    positions[earliest] = (positions[earliest] as number) + 1;
  }
}
