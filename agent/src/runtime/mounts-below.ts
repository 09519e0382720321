// What is mounted at a directory or below it, in the mount namespace of this process.
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Mount points below a directory, innermost first. */
export function mountsBelow(directory: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const targets = lines.map((line) => (line.split(' ')[4] ?? '').replaceAll('\\040', ' '));
  return targets.filter((target) => target.startsWith(join(directory, '/'))).reverse();
}

/** Whether another file system is mounted there. Not of a directory that is mounted on itself: it has its parent's device. */
export function isMountPoint(directory: string): boolean {
  const found = statSync(directory, { throwIfNoEntry: false });
  return found !== undefined && found.dev !== statSync(dirname(directory)).dev;
}
