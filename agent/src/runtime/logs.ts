// Answers requests for log lines of a task, live or ended, and follows it to its end.
import { type FSWatcher, watch } from 'node:fs';
import { type LogBatch, logFilter, mergeByTime, mergeUntilOneEnds, type PlacedLine, type TaskId } from '@berth/contract';
import { containersWithLogs, readLogFiles } from './log-files.js';
import { LogFollower } from './log-follow.js';
import { readTail, type Tail } from './log-tail.js';
import type { Paths } from './paths.js';
import type { LogRequest } from './runtime.js';

const pollMs = 500;
const linesPerBatch = 1000;

/** @param isOver whether the task has ended for good: nothing will be written any more. */
export async function* taskLogs(
  paths: Pick<Paths, 'task'>,
  taskId: TaskId,
  request: LogRequest,
  isOver: () => boolean,
): AsyncGenerator<LogBatch> {
  const directory = paths.task(taskId).logs;
  const matches = logFilter(request);
  const followers: Followers = new Map();
  const newFollower = (container: string, position: number | null) => {
    const follower = new LogFollower(directory, container, position ?? 0);
    if (position === null && matches.sinceMs !== null) follower.skipOlderThan(matches.sinceMs);
    followers.set(container, { follower, pending: [] });
  };
  try {
    for (const [container, position] of Object.entries(request.from ?? {})) newFollower(container, position);
    if (request.tail !== null && request.from === null) {
      const tails: (Tail & { readonly container: string })[] = [];
      for (const container of asked(directory, request.container)) {
        const tail = await readTail(readLogFiles(directory, container), container, request.tail, matches);
        tails.push({ container, ...tail });
        newFollower(container, tail.end);
      }
      const lines = request.tail > 0 ? mergeByTime(tails.map((tail) => tail.lines)).slice(-request.tail) : [];
      yield { from: beginnings(tails, lines), lines: [] };
      yield* inBatches(lines);
      if (!request.follow) return;
    }
    const isPast = () => matches.untilMs !== null && Date.now() > matches.untilMs;
    const ends = () => !request.follow || isOver() || isPast();
    for await (const lines of readOn(directory, followers, newFollower, request, ends)) {
      const accepted = lines.filter((line) => !matches.isTooOld(line) && matches.accepts(line));
      if (accepted.length > 0) yield { lines: accepted };
    }
  } finally {
    for (const { follower } of followers.values()) follower.close();
  }
}

/** By container. `pending`: lines that were read and not given yet. */
type Followers = Map<string, { readonly follower: LogFollower; pending: PlacedLine[] }>;

async function* readOn(
  directory: string,
  followers: Followers,
  newFollower: (container: string, position: number | null) => void,
  { container: only, signal }: LogRequest,
  isOver: () => boolean,
): AsyncGenerator<PlacedLine[]> {
  const changes = changeSignal(directory, signal);
  try {
    while (!signal.aborted) {
      // Asked before reading, so that what was written last is read.
      const over = isOver();
      for (const container of asked(directory, only)) if (!followers.has(container)) newFollower(container, null);
      const read = [...followers].filter(([container]) => only === null || container === only).map(([, one]) => one);
      for (const each of read) if (each.pending.length === 0) each.pending = each.follower.next();
      const ready = read.filter(({ pending }) => pending.length > 0);
      if (ready.length > 0) {
        const { merged, rest } = mergeUntilOneEnds(ready.map(({ pending }) => pending));
        for (const [index, each] of ready.entries()) each.pending = rest[index] ?? [];
        yield merged;
        // Reading is quick and synchronous; nobody else is to wait for the end of a long log.
        await new Promise((resolve) => setImmediate(resolve));
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

function asked(directory: string, only: string | null): string[] {
  return containersWithLogs(directory).filter((container) => only === null || container === only);
}

/** Where each container's lines begin that are shown: at the end of its log if none are. */
function beginnings(tails: readonly (Tail & { readonly container: string })[], shown: readonly PlacedLine[]): Record<string, number> {
  return Object.fromEntries(
    tails.map(({ container, lines, end }) => {
      const count = shown.filter((line) => line.container === container).length;
      return [container, count === 0 ? end : (lines[lines.length - count]?.begin ?? end)];
    }),
  );
}

function* inBatches(lines: readonly PlacedLine[]): Generator<LogBatch> {
  for (let at = 0; at < lines.length; at += linesPerBatch) yield { lines: lines.slice(at, at + linesPerBatch) };
}
