// Goes on reading one container's log from where `readTail` stopped, through rotations. Reads only when asked, so a
// reader that stops reading costs a file position and nothing else.
import type { FileHandle } from 'node:fs/promises';
import type { LogLine } from '@berth/contract';
import { maxLineBytes, parseLogLine } from './log-format.js';
import { openIfThere } from './log-tail.js';

const blockBytes = 64 * 1024;
const newline = 0x0a;

export class LogFollower {
  private rest: Buffer = Buffer.alloc(0);

  constructor(
    private readonly path: string,
    private readonly container: string,
    private file: FileHandle | null,
    private offset: number,
    private readonly sinceMs: number | null,
  ) {}

  /** The lines of the next block, none if there is nothing new. */
  async next(): Promise<LogLine[]> {
    this.file ??= await openIfThere(this.path);
    if (!this.file) return [];
    const block = Buffer.alloc(blockBytes);
    const { bytesRead } = await this.file.read(block, 0, block.length, this.offset);
    if (bytesRead > 0) {
      this.offset += bytesRead;
      return this.linesOf(block.subarray(0, bytesRead));
    }
    return (await this.moveOn()) ? this.next() : [];
  }

  async close(): Promise<void> {
    await this.file?.close();
    this.file = null;
  }

  /** To the new file if this one was put aside, and back to the start if it was cut (conmon's own cap). */
  private async moveOn(): Promise<boolean> {
    const [mine, theirs] = [await this.file?.stat(), await openIfThere(this.path)];
    if (!mine || !theirs) {
      await theirs?.close();
      return false;
    }
    const current = await theirs.stat();
    const replaced = current.ino !== mine.ino;
    if (replaced) {
      await this.file?.close();
      this.file = theirs;
    } else {
      await theirs.close();
    }
    if (!replaced && current.size >= this.offset) return false;
    this.offset = 0;
    this.rest = Buffer.alloc(0);
    return true;
  }

  private linesOf(block: Buffer): LogLine[] {
    const data = this.rest.length > 0 ? Buffer.concat([this.rest, block]) : block;
    const end = data.lastIndexOf(newline) + 1;
    this.rest = data.subarray(end, end + maxLineBytes);
    const lines = data.toString('utf8', 0, end).split('\n');
    return lines.flatMap((text) => {
      const line = text === '' ? null : parseLogLine(text, this.container);
      return line && (this.sinceMs === null || Date.parse(line.at) >= this.sinceMs) ? [line] : [];
    });
  }
}
