// The keeper's log lines: `TIME STREAM F|P TEXT`, where P says that the line goes on in the next one.
import type { LogLine } from '@berth/contract';

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

/** Stands where lines are missing, just before `next`. @param bytes of the log's files; null if not known. */
export function gapLine({ at, container }: LogLine, bytes: number | null): LogLine {
  const what = bytes === null ? 'output may have been' : `${bytes} bytes of output were`;
  return { at, container, stream: 'stderr', text: `[berth: ${what} dropped here: the log is capped]`, partial: false };
}

/**
 * Lines of several containers as one list in order of time. Each container's own lines stay in their order, whatever
 * their times say.
 */
export function mergeByTime(lists: readonly (readonly LogLine[])[]): LogLine[] {
  let { merged, rest } = mergeUntilOneEnds(lists);
  for (let open = rest.filter((list) => list.length > 0); open.length > 0; open = rest.filter((list) => list.length > 0)) {
    const more = mergeUntilOneEnds(open);
    merged = merged.concat(more.merged);
    rest = more.rest;
  }
  return merged;
}

/** As mergeByTime, as far as no list can get lines that belong before: until the first has none left. */
export function mergeUntilOneEnds(lists: readonly (readonly LogLine[])[]): { merged: LogLine[]; rest: LogLine[][] } {
  const positions = lists.map(() => 0);
  const merged: LogLine[] = [];
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
