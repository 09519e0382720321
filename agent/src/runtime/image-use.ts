// Which images the tasks of this host need, and when each was last wanted. On disk, so that the agent's next life knows.
import { mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Paths } from './paths.js';
import { namesIn, readIfThere } from './records.js';
import { writeWhole } from './write-whole.js';

/** To be said before the images are looked for. It holds until the task's directory goes. */
export function noteNeed(paths: Paths, taskId: string, digests: readonly string[]): void {
  writeWhole(paths.task(taskId).images, JSON.stringify([...new Set(digests)]));
}

/** @returns null when a task is there that doesn't say what it needs: one of a version before that said so. */
export function neededImages(paths: Paths): ReadonlySet<string> | null {
  const needs = namesIn(paths.tasks).map((taskId) => readIfThere(paths.task(taskId).images));
  return needs.includes(null) ? null : new Set(needs.flatMap((text) => JSON.parse(text ?? '[]') as string[]));
}

/** The time of the file is that of the last use. */
export function noteUse(paths: Paths, digest: string): void {
  const [file, now] = [fileOf(paths, digest), Date.now() / 1000];
  try {
    utimesSync(file, now, now);
  } catch {
    mkdirSync(paths.imagesUsed, { recursive: true, mode: 0o700 });
    writeFileSync(file, '');
  }
}

/** 0 of one that nobody has used since anybody takes note. */
export function lastUsedMs(paths: Paths, digest: string): number {
  return statSync(fileOf(paths, digest), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

export function forgetUse(paths: Paths, digest: string): void {
  rmSync(fileOf(paths, digest), { force: true });
}

function fileOf(paths: Paths, digest: string): string {
  return join(paths.imagesUsed, digest.replace('sha256:', ''));
}
