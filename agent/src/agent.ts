// The agent without its link: takes what the control plane wants, runs it, and keeps the journal. Who listens to
// `onChange` and `onRetell` tells the control plane.
import type { Capacity, DesiredTask, GatewayFrame, SecretValues, StopCode, TaskId, TaskReport, TaskSpec, TaskWish } from '@berth/contract';
import { committed, refusal, withTask } from './admission.js';
import type { TaskEntry } from './entries.js';
import { createHealthChecks } from './health-checks.js';
import { createTaskLoops, type Ground } from './task-loop.js';
import { dueCuts } from './usage.js';

export type DesiredFrame = Extract<GatewayFrame, { type: 'desired' }>;

export interface Agent {
  /** Puts the host in order and takes up every task that the journal knows. */
  start(): Promise<void>;
  /** @returns false when the frame comes from a leader that has been replaced: nothing of it was done. */
  apply(frame: DesiredFrame): boolean;
  /**
   * What a task says of itself from inside: whether it is to be kept when its service shrinks.
   * @param untilMs by the agent's clock; null: no more.
   * @returns false when there is no such task, or it is to stop.
   */
  setProtection(taskId: TaskId, untilMs: number | null): boolean;
  /** How often running tasks yield a usage record, from now on. */
  setUsageInterval(ms: number): void;
  /**
   * Stops every task and returns when nothing of them is left on the host.
   * @param graceMs after this much no container is given the rest of its stop timeout: it is killed.
   */
  stopAll(code: StopCode, reason: string, graceMs: number): Promise<void>;
  /** Containers live on. */
  close(): Promise<void>;
}

interface Dependencies extends Ground {
  /** The record of a task changed. */
  onChange(taskId: TaskId): void;
  /** The control plane asks for a task whose end it had acknowledged. */
  onRetell(report: TaskReport): void;
}

const tickMs = 1_000;
const aliveEveryTicks = 30;
const lookEveryTicks = 60;
const closeGraceMs = 2_000;

export function createAgent(dependencies: Dependencies): Agent {
  const { runtime, journal, clock, log, lastLifeEndedMs } = dependencies;
  const { state } = journal;
  const capacity = runtime.facts.capacity;
  const loops = createTaskLoops({ runtime, journal, clock, log, lastLifeEndedMs, note });
  const health = createHealthChecks({ runtime, journal, clock, log, note: noteAndSee });
  const idleWaiters: (() => void)[] = [];
  let usageIntervalMs = 300_000;
  let ticks = 0;
  let ticking: NodeJS.Timeout | undefined;

  function note(entry: TaskEntry): void {
    const before = state.tasks.get(entry.taskId);
    journal.append(entry);
    const after = state.tasks.get(entry.taskId);
    if (!after || after === before) return;
    if (after.state !== before?.state) {
      const { taskId, state: taskState, stop } = after;
      log.info({ taskId, state: taskState, ...(stop ? { stopCode: stop.code, reason: stop.reason } : {}) }, `task ${taskState}`);
    }
    health.follow(entry.taskId);
    dependencies.onChange(entry.taskId);
    if (after.state === 'stopped' && idleWaiters.length > 0 && isIdle()) for (const resolve of idleWaiters.splice(0)) resolve();
  }

  function noteAndSee(entry: TaskEntry): void {
    note(entry);
    loops.wake(entry.taskId);
  }

  function isIdle(): boolean {
    return liveTasks().length === 0;
  }

  function liveTasks(): TaskId[] {
    return [...state.tasks.values()].filter((record) => record.state !== 'stopped').map(({ taskId }) => taskId);
  }

  function launch(taskId: TaskId, spec: TaskSpec, wish: TaskWish | undefined, held: Capacity): Capacity {
    if (isKnown(taskId)) {
      if (wish) want(taskId, wish);
      return held;
    }
    const reason = journal.fault !== null ? `The host cannot write its journal: ${journal.fault}` : refusal(spec, held, capacity);
    if (reason !== null) {
      note({ kind: 'declined', taskId, atMs: clock.now(), code: 'HostRefused', reason });
      return held;
    }
    note({ kind: 'accepted', taskId, atMs: clock.now(), spec: { ...spec, taskId } });
    if (wish) want(taskId, wish);
    loops.wake(taskId);
    return withTask(held, spec);
  }

  function applyDesired(task: DesiredTask, held: Capacity): Capacity {
    if (task.desired === 'running') {
      const heldAfter = launch(task.taskId, task.spec, task.wish, held);
      keepSecrets(task.taskId, task.secrets);
      return heldAfter;
    }
    stop(task.taskId, task.stopCode, task.reason);
    return held;
  }

  /** Not of one that was declined or has ended: its clean-up is over, and nobody would take them away. */
  function keepSecrets(taskId: TaskId, values: SecretValues | undefined): void {
    const record = state.tasks.get(taskId);
    if (values && record && record.state !== 'stopped') runtime.keepSecrets(taskId, values);
  }

  /** Of a task that runs, or will. */
  function want(taskId: TaskId, wish: TaskWish): void {
    note({ kind: 'adjust-wanted', taskId, atMs: clock.now(), wish });
    loops.wake(taskId);
  }

  /** A duplicate, or a control plane whose database is older than what it was told: it is told again. */
  function isKnown(taskId: TaskId): boolean {
    const tombstone = state.tombstones.get(taskId);
    if (tombstone) dependencies.onRetell(tombstone.report);
    else if (state.tasks.has(taskId)) dependencies.onChange(taskId);
    return tombstone !== undefined || state.tasks.has(taskId);
  }

  function stop(taskId: TaskId, code: StopCode, reason: string): void {
    const atMs = clock.now();
    if (!isKnown(taskId)) {
      note({ kind: 'declined', taskId, atMs, code, reason });
      return;
    }
    note({ kind: 'stop-wanted', taskId, atMs, code, reason });
    loops.wake(taskId);
  }

  function tick(): void {
    ticks += 1;
    cutUsage();
    if (ticks % aliveEveryTicks === 0 && journal.fault === null) journal.append({ kind: 'alive', atMs: clock.now() });
    // Exits are announced, but an announcement can be lost.
    if (ticks % lookEveryTicks === 0) look(liveTasks());
  }

  /** What was sent is read first, so that it is in the interval that is about to be closed. */
  function cutUsage(): void {
    const cuts = [...state.tasks.values()].flatMap(({ taskId, usage }) =>
      loops.isSeen(taskId) ? dueCuts(usage, clock.now(), usageIntervalMs).map((atMs) => ({ taskId, atMs })) : [],
    );
    if (cuts.length === 0) return;
    const sent = runtime.egressBytes([...new Set(cuts.map(({ taskId }) => taskId))]);
    for (const [taskId, bytes] of sent) note({ kind: 'egress-read', taskId, atMs: clock.now(), bytes });
    for (const { taskId, atMs } of cuts) note({ kind: 'usage-cut', taskId, atMs });
  }

  function look(taskIds: readonly TaskId[]): void {
    for (const taskId of taskIds) {
      loops.distrust(taskId);
      loops.wake(taskId);
    }
  }

  return {
    async start() {
      journal.append({ kind: 'resumed', atMs: clock.now() });
      const taskIds = liveTasks();
      for (const taskId of taskIds) loops.distrust(taskId);
      await runtime.start(taskIds, { onExit: loops.onExit });
      look(taskIds);
      for (const taskId of taskIds) health.follow(taskId);
      ticking = setInterval(tick, tickMs);
    },

    apply({ epoch, tasks }) {
      if (epoch < state.epoch) return false;
      if (epoch > state.epoch) journal.append({ kind: 'epoch', epoch });
      let held = committed(state, runtime.volumesMiB);
      for (const task of tasks) held = applyDesired(task, held);
      return true;
    },

    setProtection(taskId, untilMs) {
      const record = state.tasks.get(taskId);
      if (!record || record.stop) return false;
      note({ kind: 'protection-set', taskId, atMs: clock.now(), untilMs });
      return true;
    },

    setUsageInterval(ms) {
      usageIntervalMs = ms;
    },

    async stopAll(code, reason, graceMs) {
      const stopped = new Promise<void>((resolve) => idleWaiters.push(resolve));
      for (const taskId of liveTasks()) stop(taskId, code, reason);
      loops.killFrom(clock.now() + graceMs);
      if (!isIdle()) await stopped;
    },

    async close() {
      clearInterval(ticking);
      health.close();
      await loops.close(closeGraceMs);
      if (journal.fault === null) journal.append({ kind: 'alive', atMs: clock.now() });
    },
  };
}
