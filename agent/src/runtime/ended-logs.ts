// Logs of tasks that have ended, for the log store: which still have to go there, cut into chunks of whole lines. That one
// has gone is noted by a file beside it; its own files then stay for a while, for those who are reading them.
import { closeSync, existsSync, openSync, readSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LogChunkInfo, storedLogLimits, type TaskId } from '@berth/contract';
import { containersWithLogs, readLogFiles } from './log-files.js';
import type { Paths } from './paths.js';
import { namesIn } from './records.js';

export type LogChunk = LogChunkInfo & { readonly data: Buffer };

export interface EndedLogs {
  /** Tasks of which nothing runs and whose logs were not stored yet. */
  list(): TaskId[];
  /** In order; one is in memory at a time. */
  chunks(taskId: TaskId): Iterable<LogChunk>;
  /** They are stored. */
  done(taskId: TaskId): void;
}

export const storedMark = '.stored';
const newline = 0x0a;

export function endedLogs(paths: Paths): EndedLogs {
  /** Logs are kept for long after they were stored: those known to be are not looked at again. */
  let stored = new Set<string>();
  const isStored = (id: string) => stored.has(id) || existsSync(join(paths.logs, id, storedMark));
  return {
    list: () => {
      const live = new Set(namesIn(paths.tasks));
      const ended = namesIn(paths.logs).filter((id) => !live.has(id));
      stored = new Set(ended.filter(isStored));
      return ended.filter((id) => !stored.has(id)) as TaskId[];
    },
    chunks: (taskId) => chunksOf(paths.task(taskId).logs),
    done: (taskId) => {
      const mark = join(paths.task(taskId).logs, storedMark);
      writeFileSync(mark, '');
      utimesSync(mark, new Date(), new Date());
    },
  };
}

/** Pure but for reading. Exported for its test. */
export function* chunksOf(directory: string): Generator<LogChunk> {
  for (const container of containersWithLogs(directory)) {
    for (const { path, start, size } of readLogFiles(directory, container)) {
      const fd = openSync(path, 'r');
      try {
        for (let at = 0; at < size; ) {
          const data = readChunk(fd, at);
          if (data.length === 0) break;
          yield { container, start: start + at, bytes: data.length, data };
          at += data.length;
        }
      } finally {
        closeSync(fd);
      }
    }
  }
}

/** As many whole lines as fit; at the file's end what there is. */
function readChunk(fd: number, at: number): Buffer {
  const block = Buffer.allocUnsafe(storedLogLimits.chunkBytes);
  const bytes = readSync(fd, block, 0, block.length, at);
  const whole = bytes < block.length ? bytes : block.lastIndexOf(newline) + 1 || bytes;
  return block.subarray(0, whole);
}
