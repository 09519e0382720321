// Keeps logs bounded: puts a live container's file aside when it has grown, and removes ended tasks' logs in time.
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogLimits } from './options.js';
import type { Paths } from './paths.js';

/** Beside `web.log`: `web.log.1` is the newest that was put aside. */
export function rotatedName(container: string, index: number): string {
  return `${container}.log.${index}`;
}

/** Puts the file aside if it is over the limit, and has conmon begin a new one. */
export async function rotateIfLarge(paths: Paths, limits: LogLimits, taskId: string, container: string): Promise<boolean> {
  const at = paths.container(taskId, container);
  const size = await stat(at.log).then(
    (found) => found.size,
    () => 0,
  );
  if (size <= limits.maxFileBytes) return false;
  const directory = paths.task(taskId).logs;
  const place = (index: number) => (index === 0 ? at.log : join(directory, rotatedName(container, index)));
  await rm(place(limits.maxRotatedFiles), { force: true });
  for (let index = limits.maxRotatedFiles - 1; index >= 0; index--) await rename(place(index), place(index + 1)).catch(ignoreMissing);
  reopenLog(at.controlFifo);
  return true;
}

/** conmon's control message 2: open the log file anew. Nobody listens any more if the container has just ended. */
function reopenLog(controlFifo: string): void {
  try {
    const fd = openSync(controlFifo, constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      writeSync(fd, '2 0 0\n');
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (!['ENOENT', 'ENXIO'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
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
    bytes += file.size;
    lastWriteMs = Math.max(lastWriteMs, file.mtimeMs);
  }
  return { taskId, bytes, lastWriteMs };
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
