// What is mounted below a directory, in the mount namespace of this process.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Mount points below a directory, innermost first. */
export function mountsBelow(directory: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const targets = lines.map((line) => (line.split(' ')[4] ?? '').replaceAll('\\040', ' '));
  return targets.filter((target) => target.startsWith(join(directory, '/'))).reverse();
}
