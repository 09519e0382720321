// A part of a log within bounds: what one answer can hold, however much a task has printed. From its end, or from its
// beginning.
import type { LogBatch, LogLine, PlacedLine } from '@berth/contract';
import { LogCursor, type LogPlaces } from './log-cursor.js';

export interface LogPart {
  readonly items: LogLine[];
  /** There were more lines than fit: older ones, or newer ones. */
  readonly truncated: boolean;
  /** Where to go on; null when nothing is known of any. */
  readonly cursor: string | null;
}

type Batches = AsyncIterable<LogBatch | { readonly from?: LogPlaces | undefined; readonly lines: readonly Line[] }>;
/** Older agents don't say the places of lines. */
type Line = LogLine & { readonly end?: number | undefined };

/**
 * @param maxLines keep at most so many
 * @param maxBytes and their text at most about so long
 * @returns `truncated` when the bytes, not the lines asked for, were the limit.
 */
export async function newestWithin(batches: Batches, maxLines: number, maxBytes: number): Promise<LogPart> {
  const items: Line[] = [];
  const cursor = new LogCursor();
  let bytes = 0;
  let truncated = false;
  let dropped = 0;
  const dropOldest = () => {
    bytes -= size(items[dropped]);
    dropped += 1;
  };
  for await (const { from, lines } of batches) {
    if (from) cursor.start(from);
    for (const line of lines) {
      cursor.note(line);
      items.push(line);
      bytes += size(line);
      while (items.length - dropped > maxLines) dropOldest();
      while (bytes > maxBytes && items.length - dropped > 0) {
        dropOldest();
        truncated = true;
      }
    }
    // In one go now and then: taking from the front of a long list moves all of it.
    if (dropped > maxLines) {
      items.splice(0, dropped);
      dropped = 0;
    }
  }
  return { items: items.slice(dropped).map(withoutPlace), truncated, cursor: cursor.text };
}

/** The lines after a cursor, as many as fit; reads no further than that. @returns `truncated` when there are more. */
export async function nextWithin(batches: Batches, places: LogPlaces, maxLines: number, maxBytes: number): Promise<LogPart> {
  const items: LogLine[] = [];
  const cursor = new LogCursor(places);
  let bytes = 0;
  for await (const { lines } of batches) {
    for (const line of lines) {
      if (items.length >= maxLines || (items.length > 0 && bytes + size(line) > maxBytes))
        return { items, truncated: true, cursor: cursor.text };
      cursor.note(line);
      items.push(withoutPlace(line));
      bytes += size(line);
    }
  }
  return { items, truncated: false, cursor: cursor.text };
}

export function withoutPlace({ at, container, stream, text, partial }: Line | PlacedLine): LogLine {
  return { at, container, stream, text, partial };
}

function size(line: Line | undefined): number {
  return line ? Buffer.byteLength(line.text) + 100 : 0;
}
