// The newest lines of one container, read from the end of its files backwards, so that a long log costs no more than
// the lines that are asked for.
import type { FileHandle } from 'node:fs/promises';
import type { LogLine } from '@berth/contract';
import { openIfThere } from './log-files.js';
import { parseLogLine, timeOf } from './log-format.js';

const blockBytes = 64 * 1024;
/** What one answer may hold of one container, whatever the number of lines. */
const maxTailBytes = 8 * 1024 * 1024;
const newline = 0x0a;

export interface Tail {
  readonly lines: LogLine[];
  /** Bytes of the current file that were read or passed over: where a follower goes on. */
  readonly endOffset: number;
  /** The current file, open, or null if there is none yet. The caller closes it. */
  readonly file: FileHandle | null;
}

/**
 * @param files the current file and those that were put aside, newest first.
 * @param sinceMs lines older than this end the search.
 */
export async function readTail(files: readonly string[], container: string, limit: number, sinceMs: number | null): Promise<Tail> {
  const [current, ...aside] = files;
  const file = current ? await openIfThere(current) : null;
  const endOffset = file ? await endOfLastLine(file) : 0;
  const found: LogLine[] = [];
  let budget = maxTailBytes;
  const take = async (handle: FileHandle, end: number): Promise<boolean> => {
    for await (const text of linesBackwards(handle, end)) {
      budget -= text.length;
      const line = parseLogLine(text, container);
      if (!line) continue;
      if (found.length >= limit || budget < 0 || (sinceMs !== null && timeOf(line) < sinceMs)) return false;
      found.push(line);
    }
    return found.length < limit;
  };
  let more = limit > 0 && (file === null || (await take(file, endOffset)));
  for (const path of aside) {
    if (!more) break;
    const handle = await openIfThere(path);
    if (!handle) break;
    try {
      more = await take(handle, (await handle.stat()).size);
    } finally {
      await handle.close();
    }
  }
  return { lines: found.reverse(), endOffset, file };
}

/** The end of the file as far as whole lines go: the keeper may be in the middle of one. */
async function endOfLastLine(file: FileHandle): Promise<number> {
  const { size } = await file.stat();
  const block = Buffer.alloc(Math.min(size, blockBytes));
  const { bytesRead } = await file.read(block, 0, block.length, size - block.length);
  const last = block.subarray(0, bytesRead).lastIndexOf(newline);
  return last < 0 ? size - block.length : size - block.length + last + 1;
}

async function* linesBackwards(file: FileHandle, end: number): AsyncGenerator<string> {
  let position = end;
  let rest: Buffer = Buffer.alloc(0);
  while (position > 0) {
    const length = Math.min(blockBytes, position);
    position -= length;
    const block = Buffer.alloc(length);
    await file.read(block, 0, length, position);
    const data = rest.length > 0 ? Buffer.concat([block, rest]) : block;
    let lineEnd = data.length;
    for (let at = data.lastIndexOf(newline, lineEnd - 1); at >= 0 && lineEnd > 0; at = data.lastIndexOf(newline, lineEnd - 1)) {
      if (at + 1 < lineEnd) yield data.toString('utf8', at + 1, lineEnd);
      lineEnd = at;
      if (lineEnd === 0) break;
    }
    // A line longer than a block is no line of the keeper's: only its beginning is kept.
    rest = data.subarray(0, Math.min(lineEnd, blockBytes));
  }
  if (rest.length > 0) yield rest.toString('utf8');
}
