// Drives tasks: for each, the steps that its plan has, side by side where they are about different containers, and a new
// plan whenever one has ended or something happened. A step that throws is repeated with back-off.
import type { TaskId, TaskSpec } from '@berth/contract';
import type { Logger } from 'pino';
import { backoffMs } from './backoff.js';
import type { Clock } from './clock.js';
import type { TaskEntry } from './entries.js';
import type { Journal } from './journal.js';
import { planFor, type Step, subjectOf } from './plan.js';
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
  /** What each step that is under way is about. */
  readonly busy: Map<string, Promise<void>>;
  /** It is to be planned anew at the end of this turn. */
  woken: boolean;
  timer: NodeJS.Timeout | undefined;
  timerAtMs: number;
  failures: number;
}

const retryRange = { firstMs: 500, mostMs: 30_000 };
/** setTimeout takes no more; the plan is then simply made again. */
const longestTimerMs = 2 ** 31 - 1;

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
        starting: new Map(),
        stop: new AbortController(),
        busy: new Map(),
        woken: false,
        timer: undefined,
        timerAtMs: Number.POSITIVE_INFINITY,
        failures: 0,
      };
      loops.set(taskId, loop);
    }
    return loop;
  }

  function wake(taskId: TaskId): void {
    const record = journal.state.tasks.get(taskId);
    if (closing || (!record && !loops.has(taskId))) return;
    const loop = loopOf(taskId);
    if (record?.stop) loop.stop.abort();
    if (loop.woken) return;
    loop.woken = true;
    // Whoever wakes a loop has something to finish first.
    queueMicrotask(() => {
      loop.woken = false;
      advance(taskId, loop);
    });
  }

  function advance(taskId: TaskId, loop: Loop): void {
    const record = journal.state.tasks.get(taskId);
    clearTimeout(loop.timer);
    loop.timerAtMs = Number.POSITIVE_INFINITY;
    if (!record || record.state === 'stopped') loops.delete(taskId);
    if (closing || !record?.spec) return;
    const { prepared, unseen, busy } = loop;
    const { steps, againAtMs } = planFor(record, { nowMs: clock.now(), prepared, unseen, busy: new Set(busy.keys()), killFromMs });
    for (const step of steps) loop.busy.set(subjectOf(step), perform(taskId, record.spec, loop, step));
    if (againAtMs !== null) wakeAt(taskId, loop, againAtMs);
  }

  async function perform(taskId: TaskId, spec: TaskSpec, loop: Loop, step: Step): Promise<void> {
    try {
      await execute(contextOf(taskId, spec, loop), step);
      loop.failures = 0;
      loop.busy.delete(subjectOf(step));
      wake(taskId);
    } catch (error) {
      loop.busy.delete(subjectOf(step));
      const inMs = retryRange.firstMs + backoffMs(loop.failures, retryRange, Math.random());
      loop.failures += 1;
      log.error({ taskId, err: error, step: step.kind, attempt: loop.failures, inMs }, 'a step failed and will be repeated');
      wakeAt(taskId, loop, clock.now() + inMs);
    }
  }

  function contextOf(taskId: TaskId, spec: TaskSpec, loop: Loop): StepContext {
    const ofTask = { taskId, spec, memory: loop, stopWanted: loop.stop.signal };
    return { ...ofTask, runtime, journal, clock, note, noteExit: (container, exit) => noteExit(taskId, container, exit) };
  }

  function wakeAt(taskId: TaskId, loop: Loop, atMs: number): void {
    if (closing || atMs >= loop.timerAtMs) return;
    clearTimeout(loop.timer);
    loop.timerAtMs = atMs;
    loop.timer = setTimeout(() => wake(taskId), Math.min(longestTimerMs, Math.max(0, atMs - clock.now())));
  }

  function noteExit(taskId: TaskId, container: string, exit: Exit): void {
    const loop = loops.get(taskId);
    const { exitCode, signal, oomKilled, runtimeFailure } = exit;
    // Nobody saw it end: it is only known to have run until it was last looked at.
    const endedAtMs = exit.finishedAtMs ?? (loop?.unseen.has(container) ? loop.seenAtMs : clock.now());
    // Its end is seen a few milliseconds late, and the kernel's times of files are a few old: what was cut meanwhile, where the
    // task's size changed or it was let go on, was told already and is not taken back.
    const atMs = Math.max(endedAtMs, journal.state.tasks.get(taskId)?.usage.openFromMs ?? 0);
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
      if (loop?.starting.has(container)) {
        loop.starting.set(container, exit);
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
      const begun = [...loops.values()].flatMap(({ busy }) => [...busy.values()]);
      if (begun.length === 0) return;
      await Promise.race([Promise.all(begun), new Promise((resolve) => setTimeout(resolve, graceMs).unref())]);
    },
  };
}
