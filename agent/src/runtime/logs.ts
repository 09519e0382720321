// Answers requests for log lines of a task, live or ended, and follows it to its end.
import { type FSWatcher, watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import type { LogLine, TaskId } from '@berth/contract';
import { readLogFiles } from './log-files.js';
import { LogFollower } from './log-follow.js';
import { mergeByTime, mergeUntilOneEnds } from './log-format.js';
import { readTail } from './log-tail.js';
import type { Paths } from './paths.js';
import type { LogRequest } from './runtime.js';

const pollMs = 500;
const linesPerBatch = 1000;

/** @param isOver whether the task has ended for good: nothing will be written any more. */
export async function* taskLogs(paths: Paths, taskId: TaskId, request: LogRequest, isOver: () => boolean): AsyncGenerator<LogLine[]> {
  const directory = paths.task(taskId).logs;
  const sinceMs = request.since === null ? null : Date.parse(request.since);
  const followers: Followers = new Map();
  const newFollower = (container: string) => {
    const follower = new LogFollower(directory, container, sinceMs);
    followers.set(container, { follower, pending: [] });
    return follower;
  };
  try {
    if (request.tail !== null) {
      const tails: LogLine[][] = [];
      for (const container of await containersWithLogs(directory, request.container)) {
        const files = (await readLogFiles(directory, container)).map(({ path }) => path).reverse();
        const tail = await readTail(files, container, request.tail, sinceMs);
        tails.push(tail.lines);
        const follower = newFollower(container);
        if (tail.file) await follower.beginAt(tail.file, tail.endOffset);
      }
      yield* inBatches(request.tail > 0 ? mergeByTime(tails).slice(-request.tail) : []);
      if (!request.follow) return;
    }
    yield* readOn(directory, followers, newFollower, request, () => !request.follow || isOver());
  } finally {
    for (const { follower } of followers.values()) await follower.close();
  }
}

/** By container. `pending`: lines that were read and not given yet. */
type Followers = Map<string, { readonly follower: LogFollower; pending: LogLine[] }>;

async function* readOn(
  directory: string,
  followers: Followers,
  newFollower: (container: string) => void,
  { container: only, signal }: LogRequest,
  isOver: () => boolean,
): AsyncGenerator<LogLine[]> {
  const changes = changeSignal(directory, signal);
  try {
    while (!signal.aborted) {
      // Asked before reading, so that what was written last is read.
      const over = isOver();
      for (const container of await containersWithLogs(directory, only)) if (!followers.has(container)) newFollower(container);
      for (const each of followers.values()) if (each.pending.length === 0) each.pending = await each.follower.next();
      const ready = [...followers.values()].filter(({ pending }) => pending.length > 0);
      if (ready.length > 0) {
        const { merged, rest } = mergeUntilOneEnds(ready.map(({ pending }) => pending));
        for (const [index, each] of ready.entries()) each.pending = rest[index] ?? [];
        yield merged;
      } else if (over) return;
      else await changes.wait();
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
  // A container that ended when its file had just been put aside has no `.log` any more.
  const containers = new Set(names.flatMap((name) => /^(.+)\.log(\.\d+)?$/.exec(name)?.[1] ?? []));
  return [...containers].filter((container) => only === null || container === only).sort();
}

function* inBatches(lines: readonly LogLine[]): Generator<LogLine[]> {
  for (let at = 0; at < lines.length; at += linesPerBatch) yield lines.slice(at, at + linesPerBatch);
}
