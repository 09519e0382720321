// Reads one container's log forwards, from its beginning or from where `readTail` stopped, through all of its files.
// Reads only when asked, so a reader that stops reading costs a file position and nothing else. What was removed before
// it could be read is said in a line of its own.
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogLine } from '@berth/contract';
import { inoOf, type LogFile, type Missing, nextFile, openIfThere, readLogFiles } from './log-files.js';
import { gapLine, maxLineBytes, parseLogLine } from './log-format.js';

const blockBytes = 64 * 1024;
/** Times of files lag behind those in them by a tick of the kernel; a second is more than any. */
const fileClockLagMs = 1000;
const newline = 0x0a;

interface OpenFile {
  readonly handle: FileHandle;
  readonly ino: string;
  /** Where in the log it begins; null if not known. */
  readonly start: number | null;
  /** Nothing is written to it any more. */
  isFinal: boolean;
  offset: number;
}

export class LogFollower {
  private file: OpenFile | null = null;
  private rest: Buffer = Buffer.alloc(0);
  /** What is missing before the next line. */
  private missing: Missing = 0;

  /** @param sinceMs lines older than this are passed over. */
  constructor(
    private readonly directory: string,
    private readonly container: string,
    private readonly sinceMs: number | null,
  ) {}

  /** Begins here instead of at the beginning. The follower closes the file. */
  async beginAt(handle: FileHandle, offset: number): Promise<void> {
    const { ino } = await handle.stat({ bigint: true });
    this.file = { handle, ino: String(ino), start: null, isFinal: false, offset };
  }

  /** The next lines, a block's at most; none if there is nothing new. */
  async next(): Promise<LogLine[]> {
    for (;;) {
      const block = await this.readBlock();
      const lines = block ? this.linesOf(block) : [];
      if (lines.length > 0) return lines;
      if (!block && !(await this.moveOn())) return [];
    }
  }

  async close(): Promise<void> {
    await this.file?.handle.close();
    this.file = null;
  }

  /** Null at the end of the file. */
  private async readBlock(): Promise<Buffer | null> {
    if (!this.file) return null;
    const block = Buffer.allocUnsafe(blockBytes);
    const { bytesRead } = await this.file.handle.read(block, 0, block.length, this.file.offset);
    this.file.offset += bytesRead;
    return bytesRead > 0 ? block.subarray(0, bytesRead) : null;
  }

  /** To the next file, if there is one. @returns whether there is more to read, or to look for. */
  private async moveOn(): Promise<boolean> {
    const { file } = this;
    if (file && (await inoOf(join(this.directory, `${this.container}.log`))) === file.ino) return false;
    const end = file && file.start !== null ? file.start + file.offset : null;
    const next = nextFile(await readLogFiles(this.directory, this.container), file && { ino: file.ino, end });
    if (!next) return false;
    if (file && !file.isFinal) {
      // The keeper has let go of this one before it made the next, but that may have been after our last read.
      file.isFinal = true;
      return true;
    }
    await this.open(next.file, next.missing);
    return true;
  }

  /** Changes nothing if the file has got another name, or none, in the meantime. */
  private async open({ path, ino, start, size, modifiedMs }: LogFile, missing: Missing): Promise<void> {
    const handle = await openIfThere(path);
    if (!handle) return;
    if (String((await handle.stat({ bigint: true })).ino) !== ino) return handle.close();
    await this.close();
    const isTooOld = this.sinceMs !== null && modifiedMs + fileClockLagMs < this.sinceMs;
    this.file = { handle, ino, start, isFinal: false, offset: isTooOld ? size : 0 };
    this.rest = Buffer.alloc(0);
    this.missing = missing === null || this.missing === null ? null : this.missing + missing;
  }

  private linesOf(block: Buffer): LogLine[] {
    const data = this.rest.length > 0 ? Buffer.concat([this.rest, block]) : block;
    const end = data.lastIndexOf(newline) + 1;
    this.rest = data.subarray(end, end + maxLineBytes);
    const lines = data.toString('utf8', 0, end).split('\n');
    return lines.flatMap((text) => {
      const line = text === '' ? null : parseLogLine(text, this.container);
      return line ? this.withGap(line).filter(({ at }) => this.sinceMs === null || Date.parse(at) >= this.sinceMs) : [];
    });
  }

  private withGap(line: LogLine): LogLine[] {
    if (this.missing === 0) return [line];
    const gap = gapLine(line, this.missing);
    this.missing = 0;
    return [gap, line];
  }
}
