// Keeps logs bounded: puts a live container's file aside when it has grown, and removes ended tasks' logs in time.
import { link, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { inoOf, readLogFiles, rotatedName, seenName, writeKept } from './log-files.js';
import type { LogLimits } from './options.js';
import type { Paths } from './paths.js';

/**
 * Puts the file aside if it is over the limit, and has the keeper begin a new one. Also puts aside what the keeper itself
 * has replaced since the last look.
 * @param reopen resolves when there is a new file, if the container still runs
 */
export async function rotateIfLarge(
  paths: Paths,
  limits: LogLimits,
  taskId: string,
  container: string,
  reopen: () => Promise<void>,
): Promise<void> {
  const { log } = paths.container(taskId, container);
  const directory = paths.task(taskId).logs;
  const seen = join(directory, seenName(container));
  const [current, known] = [await inoOf(log), await inoOf(seen)];
  if (current === null) return;
  if (known !== null && known !== current) await putAside(directory, container, limits, seen, current);
  if (known !== current) await keepSeen(log, seen);
  if ((await stat(log)).size <= limits.maxFileBytes) return;
  await putAside(directory, container, limits, log, null);
  await rm(seen, { force: true });
  await reopen();
  await keepSeen(log, seen);
}

/**
 * Gives the newest file the first of the names for what was put aside, and the others the next. The oldest goes.
 * @param cut the file that the keeper has made in the place of this one, if it was not we who ended it.
 */
async function putAside(directory: string, container: string, limits: LogLimits, newest: string, cut: string | null): Promise<void> {
  const place = (index: number) => join(directory, rotatedName(container, index));
  await noteRemoval(directory, container, place(limits.maxRotatedFiles), cut);
  await rm(place(limits.maxRotatedFiles), { force: true });
  for (let index = limits.maxRotatedFiles - 1; index >= 1; index--) await rename(place(index), place(index + 1)).catch(ignoreMissing);
  await rename(newest, place(1)).catch(ignoreMissing);
}

/** Written down first: who reads the log meanwhile takes the file for removed. */
async function noteRemoval(directory: string, container: string, last: string, cut: string | null): Promise<void> {
  const files = await readLogFiles(directory, container);
  const oldest = files.find(({ path }) => path !== last);
  if (!oldest || (oldest === files[0] && cut === null)) return;
  const cuts = files.filter(({ ino, afterCut }) => afterCut || ino === cut).map(({ ino }) => ino);
  await writeKept(directory, container, { oldest: oldest.ino, droppedBytes: oldest.start, cuts });
}

/** The container may just have been started, and the link made with it. */
async function keepSeen(log: string, seen: string): Promise<void> {
  await link(log, seen).catch((error: NodeJS.ErrnoException) => {
    if (!['EEXIST', 'ENOENT'].includes(error.code ?? '')) throw error;
  });
}

export interface EndedLog {
  readonly taskId: string;
  readonly bytes: number;
  readonly lastWriteMs: number;
}

/** Which logs of ended tasks have to go: those past their time, then the oldest until the rest fits. Pure. */
export function logsToRemove(logs: readonly EndedLog[], limits: LogLimits, nowMs: number): string[] {
  const oldestFirst = [...logs].sort((a, b) => a.lastWriteMs - b.lastWriteMs);
  let total = logs.reduce((sum, log) => sum + log.bytes, 0);
  const removed: string[] = [];
  for (const log of oldestFirst) {
    if (nowMs - log.lastWriteMs <= limits.retentionMs && total <= limits.maxTotalBytes) break;
    removed.push(log.taskId);
    total -= log.bytes;
  }
  return removed;
}

/** Applies `logsToRemove` to the logs of all tasks but the live ones. @returns whose logs went. */
export async function removeOldLogs(paths: Paths, limits: LogLimits, isLive: (taskId: string) => boolean): Promise<string[]> {
  const ended: EndedLog[] = [];
  for (const taskId of await readdir(paths.logs)) {
    if (!isLive(taskId)) ended.push(await measure(join(paths.logs, taskId), taskId));
  }
  const gone = logsToRemove(ended, limits, Date.now());
  for (const taskId of gone) await rm(join(paths.logs, taskId), { recursive: true, force: true });
  return gone;
}

async function measure(directory: string, taskId: string): Promise<EndedLog> {
  let [bytes, lastWriteMs] = [0, (await stat(directory)).mtimeMs];
  for (const name of await readdir(directory)) {
    const file = await stat(join(directory, name));
    // One file may have two names.
    bytes += file.size / file.nlink;
    lastWriteMs = Math.max(lastWriteMs, file.mtimeMs);
  }
  return { taskId, bytes, lastWriteMs };
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
