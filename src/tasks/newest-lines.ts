// The newest lines of a stream, within bounds: what one answer can hold, however much a task has printed.
import type { LogLine } from '@berth/contract';

/**
 * @param maxLines keep at most so many
 * @param maxBytes and their text at most about so long
 * @returns `truncated` when the bytes, not the lines asked for, were the limit.
 */
export async function newestWithin(
  batches: AsyncIterable<readonly LogLine[]>,
  maxLines: number,
  maxBytes: number,
): Promise<{ items: LogLine[]; truncated: boolean }> {
  const items: LogLine[] = [];
  let bytes = 0;
  let truncated = false;
  let dropped = 0;
  const dropOldest = () => {
    bytes -= size(items[dropped]);
    dropped += 1;
  };
  for await (const batch of batches) {
    for (const line of batch) {
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
  return { items: items.slice(dropped), truncated };
}

function size(line: LogLine | undefined): number {
  return line ? Buffer.byteLength(line.text) + 100 : 0;
}
