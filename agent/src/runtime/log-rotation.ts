// Removes ended tasks' logs in time. How large the log of a container that runs may be is the keeper's business.
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { storedMark } from './ended-logs.js';
import type { LogLimits } from './options.js';
import type { Paths } from './paths.js';

export interface EndedLog {
  readonly taskId: string;
  readonly bytes: number;
  readonly lastWriteMs: number;
  /** It is in the log store: here it stays only for those who are reading it. */
  readonly isStored: boolean;
}

/** How long a follower may need for the rest of a log. */
const storedKeptMs = 10 * 60_000;

/** Which logs of ended tasks have to go: those past their time, then the oldest until the rest fits. Pure. */
export function logsToRemove(logs: readonly EndedLog[], limits: LogLimits, nowMs: number): string[] {
  const stored = logs.filter(({ isStored, lastWriteMs }) => isStored && nowMs - lastWriteMs > storedKeptMs);
  const oldestFirst = logs.filter((log) => !stored.includes(log)).sort((a, b) => a.lastWriteMs - b.lastWriteMs);
  let total = oldestFirst.reduce((sum, log) => sum + log.bytes, 0);
  const removed = stored.map(({ taskId }) => taskId);
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
  const names = await readdir(directory);
  for (const name of names) {
    const file = await stat(join(directory, name));
    bytes += file.size;
    lastWriteMs = Math.max(lastWriteMs, file.mtimeMs);
  }
  return { taskId, bytes, lastWriteMs, isStored: names.includes(storedMark) };
}
