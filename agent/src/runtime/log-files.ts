// Which files one container's log consists of. The keeper writes them one after the other (keeper/container-log.ts), each
// named after where in the whole log it begins: `web.log.0000000000000000`, then perhaps `web.log.0000000008388608`. It
// takes the oldest away when all of them are too large. So a byte has one place in the log for ever, and what is missing
// can be told to the byte.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface LogFile {
  readonly path: string;
  /** Bytes of the log before this file, removed ones included. */
  readonly start: number;
  readonly size: number;
  readonly modifiedMs: number;
}

const digits = 16;
const nameForm = /^(.+)\.log\.(\d{16})$/;

/** @param log path of the log without a place: `…/web.log`. */
export function logFileName(log: string, start: number): string {
  return `${log}.${String(start).padStart(digits, '0')}`;
}

/** The log's files, oldest first. None if there is no log. */
export function readLogFiles(directory: string, container: string): LogFile[] {
  const found = namesIn(directory).flatMap((name) => {
    const [, of, start] = nameForm.exec(name) ?? [];
    return of === container && start !== undefined ? [{ path: join(directory, name), start: Number(start) }] : [];
  });
  return found
    .sort((a, b) => a.start - b.start)
    .flatMap((file) => {
      // It may have been the oldest, and be gone by now.
      const stat = statSync(file.path, { throwIfNoEntry: false });
      return stat ? [{ ...file, size: stat.size, modifiedMs: stat.mtimeMs }] : [];
    });
}

/** The containers that have a log, in the order of their names. */
export function containersWithLogs(directory: string): string[] {
  return [...new Set(namesIn(directory).flatMap((name) => nameForm.exec(name)?.[1] ?? []))].sort();
}

/**
 * The file with the next byte after `position`, and how many before that byte are gone for ever. Pure.
 * @returns null when there is nothing after `position` yet.
 */
export function fileAt(files: readonly LogFile[], position: number): { readonly file: LogFile; readonly missing: number } | null {
  const file = files.find(({ start, size }) => position < start + size);
  return file ? { file, missing: Math.max(0, file.start - position) } : null;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
