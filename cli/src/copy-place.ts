// Where a copy goes and what it is called there: the rules of cp(1) and `docker cp`.
import { posix } from 'node:path';
import { usage } from './failure.js';

export type CopyPlace =
  | { readonly in: 'task'; readonly task: string; readonly path: string }
  | { readonly in: 'here'; readonly path: string }
  | { readonly in: 'stream' };

/** `TASK:/path`, a path of this machine, or `-`. One with a colon of this machine is written `./a:b`. @throws Failure (usage) */
export function parsePlace(text: string): CopyPlace {
  if (text === '-') return { in: 'stream' };
  const colon = text.indexOf(':');
  if (colon <= 0 || /^[./]/.test(text)) return { in: 'here', path: text };
  const path = text.slice(colon + 1);
  if (!path.startsWith('/')) throw usage(`"${text}" is not a place in a task.`, 'It looks like web:/etc/hosts, with the whole path.');
  return { in: 'task', task: text.slice(0, colon), path };
}

/** The last part of a path; of a root or of nothing there is none: ''. */
export function lastPart(path: string): string {
  const name = posix.basename(posix.normalize(path));
  return name === '/' || name === '.' || name === '..' ? '' : name;
}

/** @param kind what is there now; null for nothing. @returns the directory to copy into, and the name to give. */
export function target(path: string, kind: 'directory' | 'other' | null, name: string): { directory: string; name: string } {
  if (kind === 'directory') return { directory: path, name };
  if (path.endsWith('/')) throw usage(`${path} is no directory.`, 'Leave the last "/" out to copy to a file of this name.');
  return { directory: posix.dirname(path), name: posix.basename(path) };
}

/** Gives what was called `from` the name `to`, and what lies below it, too. @returns null for what lies elsewhere. */
export function renamed(path: string, from: string, to: string): string | null {
  const plain = path.replace(/^(\.\/)+/, '').replace(/\/+$/, '');
  if (from === '') return plain === '' || plain === '.' ? to : posix.join(to, plain);
  if (plain === from) return to;
  return plain.startsWith(`${from}/`) ? `${to}${plain.slice(from.length)}` : null;
}
