// Writes one container's log, in the form that the agent's log-*.ts read: `TIME STREAM F|P TEXT`, where P says that the
// line goes on in the next one. Owns its bounds: of one line, of one file and of all files together. A file ends between
// two lines, and its name says where in the log it begins (runtime/log-files.ts).
import { closeSync, constants, fstatSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { logFileName, readLogFiles } from '../runtime/log-files.js';

export type Stream = 'stdout' | 'stderr';

export interface LogBounds {
  /** Of all files of the container together. A new file begins when the current one has its part of it. */
  readonly maxBytes: number;
  readonly files: number;
}

/** A longer line is broken here, so that nobody has to hold more of a tenant's line than this. */
const longestPiece = 8 * 1024;
/** Of a longer line the rest is left out. */
export const longestLine = 1024 * 1024;
const newline = 0x0a;
/** Every write goes to the file's end, wherever that is by then. */
const appendFlags = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND;

/** What is known of the line that a stream is in the middle of. */
interface OpenLine {
  bytes: number;
  leftOut: number;
}

export class ContainerLog {
  private fd = -1;
  private start = 0;
  private size = 0;
  /** Where the files begin, oldest first; the last is the current one. */
  private starts: number[];
  private readonly lines: Record<Stream, OpenLine> = { stdout: { bytes: 0, leftOut: 0 }, stderr: { bytes: 0, leftOut: 0 } };

  /**
   * Goes on where an earlier attempt of the container stopped.
   * @param path of the log without a place: `…/web.log`
   * @throws when the file can't be made.
   */
  constructor(
    private readonly path: string,
    private readonly bounds: LogBounds,
  ) {
    const before = readLogFiles(dirname(path), basename(path, '.log'));
    this.starts = before.map(({ start }) => start);
    this.open(before.at(-1)?.start ?? 0);
    this.endTornLine();
  }

  write(stream: Stream, data: Buffer, at: Date): void {
    this.append(linesOf(stream, data, boundedPieces(data, this.lines[stream]), at));
  }

  close(): void {
    const at = new Date();
    for (const stream of ['stdout', 'stderr'] as const) {
      const { leftOut } = this.lines[stream];
      if (leftOut > 0) this.append(linesOf(stream, noticeOf(leftOut), [wholeOf(noticeOf(leftOut))], at));
    }
    closeSync(this.fd);
  }

  private open(start: number): void {
    const fd = openSync(logFileName(this.path, start), appendFlags, 0o600);
    if (this.fd >= 0) closeSync(this.fd);
    this.fd = fd;
    this.start = start;
    this.size = fstatSync(fd).size;
    if (this.starts.at(-1) !== start) this.starts.push(start);
  }

  /** A keeper that was killed may have left half a line. */
  private endTornLine(): void {
    const last = Buffer.alloc(1);
    if (this.size > 0 && readSync(this.fd, last, 0, 1, this.size - 1) === 1 && last[0] !== newline) this.append(Buffer.from('\n'));
  }

  /** A full disk costs lines, never the container: what can't be written is lost, and a container is never made to wait. */
  private append(lines: Buffer): void {
    try {
      for (let rest = lines; rest.length > 0; ) {
        const fits = fitting(rest, Math.floor(this.bounds.maxBytes / this.bounds.files) - this.size);
        if (fits === 0 && this.size > 0) this.beginFile();
        else {
          // A line that is larger than a file has one of its own.
          const part = rest.subarray(0, fits > 0 ? fits : rest.indexOf(newline) + 1);
          this.size += writeSync(this.fd, part);
          rest = rest.subarray(part.length);
        }
      }
    } catch {
      // Nobody is here to be told who could do more than look at the disk.
      this.size = fstatSync(this.fd).size;
    }
  }

  private beginFile(): void {
    this.open(this.start + this.size);
    while (this.starts.length > this.bounds.files) rmSync(logFileName(this.path, this.starts.shift() as number), { force: true });
  }
}

/** How much of the lines has room, in whole lines. */
function fitting(lines: Buffer, room: number): number {
  if (lines.length <= room) return lines.length;
  return room > 0 ? lines.lastIndexOf(newline, room - 1) + 1 : 0;
}

export interface Piece {
  readonly from: number;
  readonly until: number;
  readonly isWhole: boolean;
  /** Stands in place of the bytes: what is said about a line that was cut. */
  readonly notice?: Buffer;
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

/** As `piecesOf`, without what is too much of one line. `line` is carried on from call to call. */
export function boundedPieces(data: Buffer, line: { bytes: number; leftOut: number }): Piece[] {
  return piecesOf(data).flatMap((piece) => {
    const bytes = piece.until - piece.from;
    const isTooLong = line.bytes + bytes > longestLine;
    if (isTooLong) line.leftOut += bytes;
    else line.bytes += bytes;
    const shown = isTooLong ? [] : [piece];
    if (!piece.isWhole) return shown;
    const { leftOut } = line;
    line.bytes = 0;
    line.leftOut = 0;
    // The notice ends the line in place of its last piece.
    return leftOut > 0 ? [...shown, { from: 0, until: 0, isWhole: true, notice: noticeOf(leftOut) }] : shown;
  });
}

function noticeOf(leftOut: number): Buffer {
  return Buffer.from(` [berth: the line was longer than ${longestLine} bytes; ${leftOut} more were left out]`);
}

function wholeOf(data: Buffer): Piece {
  return { from: 0, until: data.length, isWhole: true };
}

function linesOf(stream: Stream, data: Buffer, pieces: readonly Piece[], at: Date): Buffer {
  const time = `${at.toISOString().slice(0, -1)}000000Z`;
  const [whole, partial] = [Buffer.from(`${time} ${stream} F `), Buffer.from(`${time} ${stream} P `)];
  const bytes = pieces.reduce((sum, { from, until, notice }) => sum + whole.length + (notice?.length ?? until - from) + 1, 0);
  const lines = Buffer.allocUnsafe(bytes);
  let length = 0;
  for (const { from, until, isWhole, notice } of pieces) {
    length += (isWhole ? whole : partial).copy(lines, length);
    length += notice ? notice.copy(lines, length) : data.copy(lines, length, from, until);
    lines[length++] = newline;
  }
  return lines;
}
