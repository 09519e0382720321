// The newest lines of one container, read from the end of its files backwards, so that a long log costs no more than
// the lines that are asked for.
import { type FileHandle, open } from 'node:fs/promises';
import { type LogFilter, type PlacedLine, parseLogLine } from '@berth/contract';
import type { LogFile } from './log-files.js';

const blockBytes = 64 * 1024;
/** What one answer may hold of one container, whatever the number of lines. */
const maxTailBytes = 8 * 1024 * 1024;
const newline = 0x0a;

export interface Tail {
  readonly lines: (PlacedLine & { readonly begin: number })[];
  /** Where in the log whoever follows goes on. */
  readonly end: number;
}

/**
 * @param files of the container, oldest first
 * @param matches the search goes on, beyond lines that do not, to the first line that is older than asked for.
 */
export async function readTail(files: readonly LogFile[], container: string, limit: number, matches: LogFilter): Promise<Tail> {
  const found: Tail['lines'] = [];
  let budget = maxTailBytes;
  let end: number | null = null;
  const newest = files.at(-1);
  for (const file of [...files].reverse()) {
    const handle = await open(file.path, 'r').catch(nullIfMissing);
    if (!handle) break;
    try {
      const { size } = await handle.stat();
      const whole = file === newest ? await endOfLastLine(handle, size) : size;
      end ??= file.start + whole;
      if (limit === 0) break;
      for await (const { text, begin, end: lineEnd } of linesBackwards(handle, whole)) {
        const line = parseLogLine(text, container);
        if (!line) continue;
        if (matches.isTooOld(line)) return { lines: found.reverse(), end };
        if (!matches.accepts(line)) continue;
        budget -= text.length;
        if (found.length >= limit || budget < 0) return { lines: found.reverse(), end };
        found.push({ ...line, begin: file.start + begin, end: file.start + lineEnd });
      }
    } finally {
      await handle.close();
    }
  }
  return { lines: found.reverse(), end: end ?? 0 };
}

/** The end of the file as far as whole lines go: the keeper may be in the middle of one. */
async function endOfLastLine(file: FileHandle, size: number): Promise<number> {
  const block = Buffer.alloc(Math.min(size, blockBytes));
  const { bytesRead } = await file.read(block, 0, block.length, size - block.length);
  const last = block.subarray(0, bytesRead).lastIndexOf(newline);
  return last < 0 ? size - block.length : size - block.length + last + 1;
}

/** Each with the places of its beginning and after its end. `end` must be such a place. */
async function* linesBackwards(file: FileHandle, end: number): AsyncGenerator<{ text: string; begin: number; end: number }> {
  let position = end;
  /** What was read of the line whose beginning is not; it ends with its newline at `restEnd`. */
  let rest: Buffer = Buffer.alloc(0);
  let restEnd = end;
  while (position > 0) {
    const length = Math.min(blockBytes, position);
    position -= length;
    const block = Buffer.alloc(length);
    await file.read(block, 0, length, position);
    let until = length;
    for (let at = block.lastIndexOf(newline); at >= 0; at = at > 0 ? block.lastIndexOf(newline, at - 1) : -1) {
      const line = Buffer.concat([block.subarray(at + 1, until), rest]);
      if (line.length > 0) yield { text: withoutEnd(line), begin: position + at + 1, end: restEnd };
      rest = Buffer.alloc(0);
      until = at + 1;
      restEnd = position + until;
    }
    // A line longer than a block is no line of the keeper's: only its beginning is kept.
    rest = Buffer.concat([block.subarray(0, until), rest]).subarray(0, blockBytes);
  }
  if (rest.length > 0) yield { text: withoutEnd(rest), begin: 0, end: restEnd };
}

function withoutEnd(line: Buffer): string {
  return line.toString('utf8', 0, line.at(-1) === newline ? line.length - 1 : line.length);
}

function nullIfMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
