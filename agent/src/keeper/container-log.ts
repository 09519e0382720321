// Writes one container's log, in the form that the agent's log-*.ts read: `TIME STREAM F|P TEXT`, where P says that the
// line goes on in the next one. Owns the file's cap; putting files aside is the agent's (log-rotation.ts).
import { closeSync, constants, fstatSync, linkSync, openSync, renameSync, statSync, writeSync } from 'node:fs';

export type Stream = 'stdout' | 'stderr';

/** A longer line is broken here, so that nobody has to hold more of a tenant's line than this. */
const longestPiece = 8 * 1024;
const newline = 0x0a;
/** Every write goes to the file's end, wherever that is by then. */
const appendFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND;

export class ContainerLog {
  private fd: number;
  private size: number;

  /** @throws when the file can't be made. */
  constructor(
    private readonly path: string,
    private readonly maxBytes: number,
  ) {
    this.fd = openSync(path, appendFlags, 0o600);
    this.size = fstatSync(this.fd).size;
  }

  write(stream: Stream, data: Buffer, at: Date): void {
    this.append(linesOf(stream, data, piecesOf(data), at));
  }

  /** The file has been put aside. There may be a new one already, made for the cap's sake: that one stays. */
  putAside(): void {
    if (inoAt(this.path) !== fstatSync(this.fd).ino) this.reopen();
  }

  /** A new file in the place of the current one. What has the old file's second name keeps it. */
  private reopen(): void {
    const fresh = `${this.path}.new`;
    const fd = openSync(fresh, appendFlags | constants.O_TRUNC, 0o600);
    renameSync(fresh, this.path);
    closeSync(this.fd);
    this.fd = fd;
    this.size = 0;
  }

  close(): void {
    closeSync(this.fd);
  }

  /** The agent gives each file a second name, by which it learns that there was one. It may not have come to that yet. */
  private leaveTrace(): void {
    try {
      linkSync(this.path, `${this.path}.seen`);
    } catch (error) {
      if (!['EEXIST', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }

  /** A full disk costs lines, never the container: what can't be written is lost, and a container is never made to wait. */
  private append(lines: Buffer): void {
    try {
      if (this.size > 0 && this.size + lines.length > this.maxBytes) {
        this.leaveTrace();
        this.reopen();
      }
      this.size += writeSync(this.fd, lines);
    } catch {
      // Nobody is here to be told who could do more than look at the disk.
    }
  }
}

function inoAt(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? null;
}

interface Piece {
  readonly from: number;
  readonly until: number;
  readonly isWhole: boolean;
}

/** The lines of what was read, without their ends; the last may go on in what is read next. Pure. */
export function piecesOf(data: Buffer): Piece[] {
  const pieces: Piece[] = [];
  for (let from = 0; from < data.length; ) {
    const end = data.indexOf(newline, from);
    const lineUntil = end < 0 ? data.length : end;
    const isWhole = end >= 0 && lineUntil - from <= longestPiece;
    const until = Math.min(lineUntil, from + longestPiece);
    pieces.push({ from, until, isWhole });
    from = isWhole ? until + 1 : until;
  }
  return pieces;
}

function linesOf(stream: Stream, data: Buffer, pieces: readonly Piece[], at: Date): Buffer {
  const time = `${at.toISOString().slice(0, -1)}000000Z`;
  const [whole, partial] = [Buffer.from(`${time} ${stream} F `), Buffer.from(`${time} ${stream} P `)];
  const bytes = pieces.reduce((sum, { from, until }) => sum + whole.length + until - from + 1, 0);
  const lines = Buffer.allocUnsafe(bytes);
  let length = 0;
  for (const { from, until, isWhole } of pieces) {
    length += (isWhole ? whole : partial).copy(lines, length);
    length += data.copy(lines, length, from, until);
    lines[length++] = newline;
  }
  return lines;
}
