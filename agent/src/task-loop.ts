// Drives tasks: for each, one step after the other until there is nothing to do, and again whenever something happens.
// Tasks don't wait for each other. A step that throws is repeated with back-off.
import type { TaskId, TaskSpec } from '@berth/contract';
import type { Logger } from 'pino';
import { backoffMs } from './backoff.js';
import type { Clock } from './clock.js';
import type { TaskEntry } from './entries.js';
import type { Journal } from './journal.js';
import { nextStep } from './plan.js';
import type { Exit, Runtime } from './runtime/runtime.js';
import { isLive } from './state.js';
import { execute, type StepContext, type TaskMemory } from './steps.js';

export interface TaskLoops {
  /** Something happened to the task: see what is to be done. */
  wake(taskId: TaskId): void;
  /** What the record says of the task's live containers is not to be trusted until they were looked at. */
  distrust(taskId: TaskId): void;
  /** Whether each of the task's containers was looked at in this life. */
  isSeen(taskId: TaskId): boolean;
  onExit(taskId: TaskId, container: string, exit: Exit): void;
  /** From this time on, by the agent's clock, containers that are to stop are killed, whatever their stop timeout. */
  killFrom(atMs: number): void;
  /** Begins no more steps and waits, for `graceMs` at most, for those that have begun. */
  close(graceMs: number): Promise<void>;
}

/** What one life of the agent stands on. */
export interface Ground {
  readonly runtime: Runtime;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Logger;
  /** When the life before this one was last known to be alive. */
  readonly lastLifeEndedMs: number;
}

interface Dependencies extends Ground {
  /** Journals an entry and tells the others. */
  note(entry: TaskEntry): void;
}

interface Loop extends TaskMemory {
  /** Aborts what need not be finished once the task is to stop. */
  readonly stop: AbortController;
  driving: Promise<void> | null;
  /** Something happened while it was driven. */
  again: boolean;
  timer: NodeJS.Timeout | undefined;
  failures: number;
}

const retryRange = { firstMs: 500, mostMs: 30_000 };

export function createTaskLoops({ runtime, journal, clock, log, lastLifeEndedMs, note }: Dependencies): TaskLoops {
  const loops = new Map<TaskId, Loop>();
  let closing = false;
  let killFromMs: number | undefined;

  function loopOf(taskId: TaskId): Loop {
    let loop = loops.get(taskId);
    if (!loop) {
      loop = {
        prepared: false,
        unseen: new Set(),
        seenAtMs: lastLifeEndedMs,
        starting: null,
        earlyExit: null,
        stop: new AbortController(),
        driving: null,
        again: false,
        timer: undefined,
        failures: 0,
      };
      loops.set(taskId, loop);
    }
    return loop;
  }

  function wake(taskId: TaskId): void {
    if (closing || !journal.state.tasks.has(taskId)) return;
    const loop = loopOf(taskId);
    if (journal.state.tasks.get(taskId)?.stop) loop.stop.abort();
    if (loop.driving) {
      loop.again = true;
      return;
    }
    clearTimeout(loop.timer);
    loop.again = false;
    loop.driving = drive(taskId, loop).finally(() => {
      loop.driving = null;
      const record = journal.state.tasks.get(taskId);
      if (!record || record.state === 'stopped') loops.delete(taskId);
      else if (loop.again) wake(taskId);
    });
  }

  async function drive(taskId: TaskId, loop: Loop): Promise<void> {
    // Whoever wakes a loop has something to finish first.
    await null;
    try {
      for (;;) {
        const record = journal.state.tasks.get(taskId);
        if (closing || !record?.spec) return;
        const step = nextStep(record, { nowMs: clock.now(), prepared: loop.prepared, unseen: loop.unseen, killFromMs });
        if (!step) return;
        if (step.kind === 'wait') return wakeIn(taskId, loop, step.untilMs - clock.now());
        await execute(contextOf(taskId, record.spec, loop), step);
        loop.failures = 0;
      }
    } catch (error) {
      const inMs = retryRange.firstMs + backoffMs(loop.failures, retryRange, Math.random());
      loop.failures += 1;
      log.error({ taskId, err: error, attempt: loop.failures, inMs }, 'a step failed and will be repeated');
      wakeIn(taskId, loop, inMs);
    }
  }

  function contextOf(taskId: TaskId, spec: TaskSpec, loop: Loop): StepContext {
    const ofTask = { taskId, spec, memory: loop, stopWanted: loop.stop.signal };
    return { ...ofTask, runtime, journal, clock, note, noteExit: (container, exit) => noteExit(taskId, container, exit) };
  }

  function wakeIn(taskId: TaskId, loop: Loop, ms: number): void {
    loop.timer = setTimeout(() => wake(taskId), Math.max(0, ms));
  }

  function noteExit(taskId: TaskId, container: string, exit: Exit): void {
    const loop = loops.get(taskId);
    const { exitCode, signal, oomKilled, runtimeFailure } = exit;
    // Nobody saw it end: it is only known to have run until it was last looked at.
    const atMs = exit.finishedAtMs ?? (loop?.unseen.has(container) ? loop.seenAtMs : clock.now());
    note({ kind: 'container-exited', taskId, container, atMs, exit: { exitCode, signal, oomKilled, runtimeFailure } });
  }

  return {
    wake,
    distrust(taskId) {
      const record = journal.state.tasks.get(taskId);
      if (!record || record.state === 'stopped') return;
      const { unseen } = loopOf(taskId);
      for (const { name } of record.containers.filter(isLive)) unseen.add(name);
    },
    isSeen: (taskId) => (loops.get(taskId)?.unseen.size ?? 0) === 0,
    onExit(taskId, container, exit) {
      const loop = loops.get(taskId);
      if (loop?.starting === container) {
        loop.earlyExit = exit;
        return;
      }
      noteExit(taskId, container, exit);
      wake(taskId);
    },
    killFrom(atMs) {
      killFromMs = atMs;
      for (const taskId of loops.keys()) wake(taskId);
    },
    async close(graceMs) {
      closing = true;
      for (const { timer } of loops.values()) clearTimeout(timer);
      const begun = [...loops.values()].flatMap(({ driving }) => driving ?? []);
      if (begun.length === 0) return;
      await Promise.race([Promise.all(begun), new Promise((resolve) => setTimeout(resolve, graceMs).unref())]);
    },
  };
}
