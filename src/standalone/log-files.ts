// The children's log files: their last lines for an error, and a limit to their size. The children have them open for
// appending, so a file that was cut short is simply written on.
import { copyFile, readdir, readFile, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';

const maxBytes = 20 * 1024 * 1024;

export async function lastLines(file: string, count: number): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-count);
}

/** Keeps one older part of each log that has grown too large. */
export async function trimLogs(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const file = join(directory, name);
    if (!name.endsWith('.log') || (await stat(file)).size < maxBytes) continue;
    await copyFile(file, `${file}.1`);
    await truncate(file);
  }
}
