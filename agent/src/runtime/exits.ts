// Notices that containers end: at once by inotify on the directory of exit files, and by a sweep, for inotify may
// lose events and a killed monitor writes no file.
import { type FSWatcher, watch } from 'node:fs';
import type { TaskId } from '@berth/contract';
import { giveUp, type ObserveHost, observeContainer } from './observe.js';
import { isAlive, type ProcessId } from './processes.js';
import { readRecord, type StartRecord } from './records.js';
import type { RuntimeListeners } from './runtime.js';

export interface ExitWatch {
  add(taskId: TaskId, container: string): void;
  /** It is to be started again: its end is known. */
  forget(taskId: TaskId, container: string): void;
  forgetTask(taskId: TaskId): void;
  close(): void;
}

const sweepMs = 2000;
/** How long a monitor may take to write down the end of a container that has no process any more. */
const monitorGraceMs = 15_000;

interface Watched {
  readonly taskId: TaskId;
  readonly container: string;
  /** How it was started; null until that is on disk. It stays the same until the container is forgotten. */
  record: StartRecord | null;
  deadSinceMs: number | null;
}

export function watchExits(host: ObserveHost, listeners: RuntimeListeners): ExitWatch {
  const watched = new Map<string, Watched>();

  const look = (id: string) => {
    const entry = watched.get(id);
    if (!entry) return;
    const observed = observeContainer(host, entry.taskId, entry.container);
    if (observed.is !== 'exited') return;
    watched.delete(id);
    listeners.onExit(entry.taskId, entry.container, observed.exit);
  };

  const sweep = () => {
    const isMonitorAlive = askedOnce();
    for (const [id, entry] of watched) {
      entry.record ??= readRecord<StartRecord>(host.paths.container(entry.taskId, entry.container).record);
      const { record } = entry;
      // Most containers, most of the time: one file to read for each.
      if (record && isMonitorAlive(record.monitor) && isAlive(record.process)) {
        entry.deadSinceMs = null;
        continue;
      }
      look(id);
      if (!watched.has(id) || !isStuck(host, entry)) continue;
      watched.delete(id);
      listeners.onExit(
        entry.taskId,
        entry.container,
        giveUp(host, entry.taskId, entry.container, 'The monitor of the container did not tell how it ended.'),
      );
    }
  };

  // The keeper renames the finished file into place.
  const inotify: FSWatcher = watch(host.paths.exits, { persistent: false }, (_event, name) => {
    if (name) look(name);
  });
  inotify.on('error', () => inotify.close());
  const timer = setInterval(sweep, sweepMs);
  timer.unref();

  return {
    add: (taskId, container) => {
      const { id } = host.paths.container(taskId, container);
      watched.set(id, { taskId, container, record: null, deadSinceMs: null });
      // It may have ended before we began to watch.
      look(id);
    },
    forget: (taskId, container) => void watched.delete(host.paths.container(taskId, container).id),
    forgetTask: (taskId) => {
      for (const [id, entry] of watched) if (entry.taskId === taskId) watched.delete(id);
    },
    close: () => {
      inotify.close();
      clearInterval(timer);
    },
  };
}

function isStuck(host: ObserveHost, entry: Watched): boolean {
  if (!entry.record || isAlive(entry.record.process)) {
    entry.deadSinceMs = null;
    return false;
  }
  entry.deadSinceMs ??= host.clock.now();
  return host.clock.now() - entry.deadSinceMs > monitorGraceMs;
}

/** All containers of a host have the same monitor. */
function askedOnce(): (id: ProcessId) => boolean {
  const answers = new Map<string, boolean>();
  return (id) => {
    const key = `${id.pid} ${id.startTicks}`;
    const answer = answers.get(key) ?? isAlive(id);
    answers.set(key, answer);
    return answer;
  };
}
