// Reads one container's log forwards from any place in it, through all of its files. Reads only when asked, so a reader
// that stops reading costs a file position and nothing else. What was taken away before it could be read is said in a
// line of its own.
import { closeSync, openSync, readSync } from 'node:fs';
import { gapLine, maxLineBytes, type PlacedLine, parseLogLine } from '@berth/contract';
import { fileAt, readLogFiles } from './log-files.js';

const blockBytes = 64 * 1024;
/** Times of files lag behind those in them by a tick of the kernel; a second is more than any. */
const fileClockLagMs = 1000;
const newline = 0x0a;

export class LogFollower {
  private file: { readonly fd: number; readonly start: number } | null = null;
  /** Read, and without the end of its line. */
  private rest: Buffer = Buffer.alloc(0);
  /** Bytes that are missing before the next line. */
  private missing = 0;

  /** @param position in the log, at the beginning of a line: what comes after it is read. */
  constructor(
    private readonly directory: string,
    private readonly container: string,
    private position: number,
  ) {}

  /** Passes over files that were last written to before this time. That what is passed over is older is no gap. */
  skipOlderThan(ms: number): void {
    const files = readLogFiles(this.directory, this.container);
    const first = files.find(({ modifiedMs }) => modifiedMs + fileClockLagMs >= ms) ?? files.at(-1);
    if (first && first.start > this.position) this.position = first.start;
  }

  /** The next lines, a block's at most; none if there is nothing new. */
  next(): PlacedLine[] {
    for (;;) {
      const block = this.readBlock();
      if (!block) return [];
      const lines = this.linesOf(block);
      if (lines.length > 0) return lines;
    }
  }

  close(): void {
    if (this.file) closeSync(this.file.fd);
    this.file = null;
  }

  /** Null at the end of the log. A file that was taken away can be read to its end by who has it open. */
  private readBlock(): Buffer | null {
    const block = Buffer.allocUnsafe(blockBytes);
    for (;;) {
      if (this.file) {
        const bytes = readSync(this.file.fd, block, 0, block.length, this.position - this.file.start);
        this.position += bytes;
        if (bytes > 0) return block.subarray(0, bytes);
      }
      if (!this.moveOn()) return null;
    }
  }

  /** To the file with the next byte. @returns false if there is none. */
  private moveOn(): boolean {
    const next = fileAt(readLogFiles(this.directory, this.container), this.position);
    if (!next || next.file.start === this.file?.start) return next !== null;
    let fd: number;
    try {
      fd = openSync(next.file.path, 'r');
    } catch (error) {
      // Taken away since: there is a later one.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
      throw error;
    }
    this.close();
    if (next.missing > 0) this.rest = Buffer.alloc(0);
    this.missing += next.missing;
    this.position += next.missing;
    this.file = { fd, start: next.file.start };
    return true;
  }

  private linesOf(block: Buffer): PlacedLine[] {
    const data = this.rest.length > 0 ? Buffer.concat([this.rest, block]) : block;
    const start = this.position - data.length;
    const lines: PlacedLine[] = [];
    let from = 0;
    for (let end = data.indexOf(newline); end >= 0; end = data.indexOf(newline, from)) {
      const line = parseLogLine(data.toString('utf8', from, end), this.container);
      if (line) lines.push(...this.withGap({ ...line, end: start + end + 1 }, start + from));
      from = end + 1;
    }
    // Half a line that is longer than any is none of the keeper's: what is kept of it will be no line, either.
    this.rest = Buffer.from(data.subarray(Math.max(from, data.length - maxLineBytes)));
    return lines;
  }

  private withGap(line: PlacedLine, begin: number): PlacedLine[] {
    if (this.missing === 0) return [line];
    const gap = { ...gapLine(line, this.missing), end: begin };
    this.missing = 0;
    return [gap, line];
  }
}
