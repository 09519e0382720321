// Which files one container's log consists of, in their order, and what is missing between them. Beside `web.log` lie:
//   web.log.1 …    put aside by log-rotation.ts; 1 is the newest
//   web.log.seen   a second name of the file that was `web.log` at the last look. The keeper replaces a file that outgrows
//                  its own cap; by this name what it wrote is still there
//   web.log.kept   what was removed so far (KeptRecord)
import { type FileHandle, open, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface LogFile {
  readonly path: string;
  /** By which a file is known again under its next name. */
  readonly ino: string;
  readonly size: number;
  readonly modifiedMs: number;
  /** Bytes of the log that were before this file, removed ones included. */
  readonly start: number;
  /** Whole files may be missing just before this one: the keeper replaced its file more than once between two looks. */
  readonly afterCut: boolean;
}

/** `droppedBytes` were removed before the file `oldest`: files older than that one are about to go. */
export interface KeptRecord {
  readonly oldest: string;
  readonly droppedBytes: number;
  /** The files that are `afterCut`. */
  readonly cuts: readonly string[];
}

/** Bytes, or null where nobody can tell whether and how many. */
export type Missing = number | null;

type Found = Pick<LogFile, 'path' | 'ino' | 'size' | 'modifiedMs'>;
type Look = { readonly files: readonly Found[]; readonly kept: KeptRecord | null; readonly cut: string | null };

const looksAtMost = 10;

export const seenName = (container: string) => `${container}.log.seen`;
const keptName = (container: string) => `${container}.log.kept`;

/** Beside `web.log`: `web.log.1` is the newest that was put aside. */
export function rotatedName(container: string, index: number): string {
  return `${container}.log.${index}`;
}

/** The container's files, oldest first. None if it has no log. */
export async function readLogFiles(directory: string, container: string): Promise<LogFile[]> {
  // Names move on while they are read. Two equal looks saw all of them in one state.
  let look = await lookAt(directory, container);
  for (let looks = 1; looks < looksAtMost; looks++) {
    const again = await lookAt(directory, container);
    const isSame = fingerprint(look) === fingerprint(again);
    look = again;
    if (isSame) break;
  }
  return inOrder(look);
}

/** Pure. Exported for its test. */
export function inOrder({ files, kept, cut }: Look): LogFile[] {
  const oldest = files.findIndex(({ ino }) => ino === kept?.oldest);
  let start = kept?.droppedBytes ?? 0;
  return files.slice(Math.max(0, oldest)).map((file) => {
    const placed = { ...file, start, afterCut: file.ino === cut || (kept?.cuts.includes(file.ino) ?? false) };
    start += file.size;
    return placed;
  });
}

/**
 * What to read next, and how much is missing before it. Pure.
 * @param at the file that was read and the place in the log where that ended, null if not known; null at the beginning.
 */
export function nextFile(
  files: readonly LogFile[],
  at: { readonly ino: string; readonly end: number | null } | null,
): { readonly file: LogFile; readonly missing: Missing } | null {
  const [first] = files;
  if (!at) return first ? { file: first, missing: first.afterCut ? null : first.start } : null;
  const index = files.findIndex(({ ino }) => ino === at.ino);
  if (index >= 0) {
    const file = files[index + 1];
    return file ? { file, missing: file.afterCut ? null : 0 } : null;
  }
  const { end } = at;
  const later = end === null ? undefined : files.find(({ start }) => start >= end);
  if (later && end !== null) return { file: later, missing: later.afterCut ? null : later.start - end };
  const last = files.at(-1);
  return last ? { file: last, missing: null } : null;
}

export async function readKept(directory: string, container: string): Promise<KeptRecord | null> {
  const text = await readFile(join(directory, keptName(container)), 'utf8').catch(nullIfMissing);
  return text === null ? null : (JSON.parse(text) as KeptRecord);
}

export async function writeKept(directory: string, container: string, kept: KeptRecord): Promise<void> {
  const path = join(directory, keptName(container));
  await writeFile(`${path}.new`, JSON.stringify(kept));
  await rename(`${path}.new`, path);
}

export async function openIfThere(path: string): Promise<FileHandle | null> {
  return open(path, 'r').catch(nullIfMissing);
}

export async function inoOf(path: string): Promise<string | null> {
  return stat(path, { bigint: true }).then(({ ino }) => String(ino), nullIfMissing);
}

async function lookAt(directory: string, container: string): Promise<Look> {
  const kept = await readKept(directory, container);
  const names = (await readdir(directory).catch(nullIfMissing)) ?? [];
  const prefix = `${container}.log.`;
  const indexes = names.filter((name) => name.startsWith(prefix)).map((name) => Number(name.slice(prefix.length)));
  const aside = indexes.filter(Number.isInteger).sort((a, b) => b - a);
  const paths = [...aside.map((index) => rotatedName(container, index)), seenName(container), `${container}.log`];
  const found = (await Promise.all(paths.map((name) => find(join(directory, name))))).flatMap((file) => file ?? []);
  const [seen, current] = [found.find(({ path }) => path.endsWith('.seen')), found.at(-1)];
  const isCut = seen !== undefined && current !== undefined && seen !== current && seen.ino !== current.ino;
  // One file under two names is the one under its older name: that is what it is while it is being put aside.
  const files = found.filter(({ ino }, index) => found.findIndex((other) => other.ino === ino) === index);
  return { files, kept, cut: isCut ? current.ino : null };
}

async function find(path: string): Promise<Found | null> {
  const found = await stat(path, { bigint: true }).catch(nullIfMissing);
  return found && { path, ino: String(found.ino), size: Number(found.size), modifiedMs: Number(found.mtimeMs) };
}

function fingerprint({ files, kept, cut }: Look): string {
  return JSON.stringify([files.map(({ ino }) => ino), kept, cut]);
}

function nullIfMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
