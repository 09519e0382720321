// Answers requests for log lines of a task, live or ended, and follows it to its end.
import { type FSWatcher, watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogLine, TaskId } from '@berth/contract';
import { LogFollower } from './log-follow.js';
import { mergeByTime } from './log-format.js';
import { rotatedName } from './log-rotation.js';
import { readTail } from './log-tail.js';
import type { Paths } from './paths.js';
import type { LogRequest } from './runtime.js';

const pollMs = 500;
const linesPerBatch = 1000;

/** @param isOver whether the task has ended for good: nothing will be written any more. */
export async function* taskLogs(
  paths: Paths,
  maxRotatedFiles: number,
  taskId: TaskId,
  request: LogRequest,
  isOver: () => boolean,
): AsyncGenerator<LogLine[]> {
  const directory = paths.task(taskId).logs;
  const sinceMs = request.since === null ? null : Date.parse(request.since);
  const followers = new Map<string, LogFollower>();
  try {
    const tails: LogLine[][] = [];
    for (const container of await containersWithLogs(directory, request.container)) {
      const files = [`${container}.log`, ...Array.from({ length: maxRotatedFiles }, (_, index) => rotatedName(container, index + 1))];
      const tail = await readTail(
        files.map((file) => join(directory, file)),
        container,
        request.tail,
        sinceMs,
      );
      tails.push(tail.lines);
      followers.set(container, new LogFollower(join(directory, `${container}.log`), container, tail.file, tail.endOffset, sinceMs));
    }
    const newest = request.tail > 0 ? mergeByTime(tails).slice(-request.tail) : [];
    yield* inBatches(newest);
    if (request.follow) yield* follow(directory, followers, sinceMs, request, isOver);
  } finally {
    for (const follower of followers.values()) await follower.close();
  }
}

async function* follow(
  directory: string,
  followers: Map<string, LogFollower>,
  sinceMs: number | null,
  request: LogRequest,
  isOver: () => boolean,
): AsyncGenerator<LogLine[]> {
  const changes = changeSignal(directory, request.signal);
  try {
    while (!request.signal.aborted) {
      // Asked before reading, so that what was written last is read.
      const over = isOver();
      for (const container of await containersWithLogs(directory, request.container)) {
        if (!followers.has(container))
          followers.set(container, new LogFollower(join(directory, `${container}.log`), container, null, 0, sinceMs));
      }
      let found = false;
      for (const follower of followers.values()) {
        const lines = await follower.next();
        if (lines.length === 0) continue;
        found = true;
        yield lines;
      }
      if (found) continue;
      if (over) return;
      await changes.wait();
    }
  } finally {
    changes.close();
  }
}

/** Resolves when something in the directory has changed, or after a while: inotify may miss, and may be exhausted. */
function changeSignal(directory: string, signal: AbortSignal): { wait(): Promise<void>; close(): void } {
  let wake = () => {};
  let changed = false;
  const notify = () => {
    changed = true;
    wake();
  };
  let watcher: FSWatcher | null = null;
  try {
    watcher = watch(directory, { persistent: false }, notify);
    watcher.on('error', () => watcher?.close());
  } catch {
    // The directory isn't there yet: the poll finds it.
  }
  signal.addEventListener('abort', notify);
  return {
    wait: async () => {
      if (!changed) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, pollMs);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      changed = false;
    },
    close: () => {
      watcher?.close();
      signal.removeEventListener('abort', notify);
    },
  };
}

async function containersWithLogs(directory: string, only: string | null): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  const containers = names.filter((name) => name.endsWith('.log')).map((name) => name.slice(0, -'.log'.length));
  return containers.filter((container) => only === null || container === only).sort();
}

function* inBatches(lines: readonly LogLine[]): Generator<LogLine[]> {
  for (let at = 0; at < lines.length; at += linesPerBatch) yield lines.slice(at, at + linesPerBatch);
}
