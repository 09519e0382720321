// Files of this machine into a tar, and out of one that a task has made and that may be hostile: nothing of it lands
// outside the directory it is unpacked in. The library refuses "..", absolute names and ways through links.
import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { create, extract, type ReadEntry } from 'tar';
import { renamed } from './copy-place.js';
import { Failure } from './failure.js';

/** What is at the path; null for nothing. */
export function kindOf(path: string): 'directory' | 'other' | null {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return null;
  return found.isDirectory() ? 'directory' : 'other';
}

/** Owners become root: numbers of this machine mean nothing in a container. */
export function packFiles(path: string, name: string): ReadableStream<Uint8Array> {
  const whole = resolve(path);
  const own = whole.slice(dirname(whole).length).replace(/^\//, '');
  const rename = (text: string) => renamed(text, own, name) ?? text;
  const pack = create(
    {
      cwd: dirname(whole),
      portable: true,
      onWriteEntry: (entry) => {
        entry.path = rename(entry.path);
        if (entry.type === 'Link' && entry.linkpath) entry.linkpath = rename(entry.linkpath);
      },
    },
    [own === '' ? '.' : `./${own}`],
  );
  return Readable.toWeb(Readable.from(pack as unknown as AsyncIterable<Buffer>)) as ReadableStream<Uint8Array>;
}

/**
 * Unpacks what the tar calls `from` as `to` in an existing directory. Permissions are kept but set-user-id and its like;
 * owners are not.
 * @returns why something was left out, a sentence each. @throws Failure when it is no tar, or ends too soon.
 */
export async function unpackFiles(tar: ReadableStream<Uint8Array>, directory: string, from: string, to: string): Promise<string[]> {
  const refused: string[] = [];
  const onReadEntry = (entry: ReadEntry) => {
    entry.path = renamed(entry.path, from, to) ?? entry.path;
    if (entry.type === 'Link' && entry.linkpath) entry.linkpath = renamed(entry.linkpath, from, to) ?? entry.linkpath;
    if (entry.mode !== undefined) entry.mode &= 0o777;
  };
  const unpack = extract({
    cwd: directory,
    preserveOwner: false,
    filter: (path) => renamed(path, from, to) !== null || !refused.push(`${path} is not below what was asked for`),
    onReadEntry,
    onwarn: (code, message) => refused.push(`${message} (${code})`),
  });
  try {
    await pipeline(Readable.fromWeb(tar as never), unpack as unknown as NodeJS.WritableStream);
  } catch (error) {
    throw new Failure(`The copy broke off: ${(error as Error).message}.`, { cause: error });
  }
  return refused;
}
