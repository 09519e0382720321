// What one connection still has to tell the control plane: the newest report of each changed task, and usage. Batches,
// numbers and acknowledges; holds no more than the ids of what changed, however long the other side is silent.
import type { AgentFrame, TaskId, TaskReport, UsageRecord } from '@berth/contract';
import type { Clock } from './clock.js';
import type { Journal } from './journal.js';
import { reportDelayMs, toReport } from './report.js';
import type { TaskRecord } from './state.js';

type Events = Extract<AgentFrame, { type: 'events' }>;

export interface Outbox {
  /** The task's record changed, or ought to be told anyway. */
  touch(taskId: TaskId): void;
  /** Tells the end of a task that is known by its tombstone only. */
  retell(report: TaskReport): void;
  acknowledge(seq: number): void;
  /** Since when the oldest frame has been waiting for its acknowledgement; null when none is. By the agent's clock. */
  waitingSinceMs(): number | null;
  close(): void;
}

interface Options {
  readonly journal: Journal;
  readonly clock: Clock;
  send(frame: Events): void;
}

interface Sent {
  readonly version: number;
  readonly usageBelow: number;
}

interface InFlight {
  readonly sentAtMs: number;
  readonly reports: readonly (readonly [TaskId, number])[];
  readonly usage: readonly (readonly [TaskId, number])[];
}

const coalesceMs = 5;
const framesInFlightAtMost = 16;
const tasksPerFrame = 500;
const usagePerFrame = 2_000;
const journalRetryMs = 1_000;

/** @param told what the control plane was told of each task in `hello`: its version. */
export function createOutbox({ journal, clock, send }: Options, told: ReadonlyMap<TaskId, number>): Outbox {
  const due = new Map<TaskId, number>();
  const retold = new Map<TaskId, TaskReport>();
  const sent = new Map<TaskId, Sent>([...told].map(([taskId, version]) => [taskId, { version, usageBelow: 0 }]));
  const inFlight = new Map<number, InFlight>();
  let lastSeq = 0;
  let flushedAtMs = 0;
  let timer: NodeJS.Timeout | undefined;
  let timerAtMs = Number.POSITIVE_INFINITY;
  let flushing = false;
  let closed = false;

  function schedule(atMs: number): void {
    if (closed || flushing || atMs >= timerAtMs) return;
    clearTimeout(timer);
    timerAtMs = atMs;
    timer = setTimeout(
      () => {
        timerAtMs = Number.POSITIVE_INFINITY;
        void flush();
      },
      Math.max(0, atMs - clock.now(), flushedAtMs + coalesceMs - clock.now()),
    );
  }

  function enqueue(taskId: TaskId, atMs: number): void {
    const at = Math.min(atMs, due.get(taskId) ?? Number.POSITIVE_INFINITY);
    due.set(taskId, at);
    schedule(at);
  }

  async function flush(): Promise<void> {
    if (flushing || closed || inFlight.size >= framesInFlightAtMost) return;
    flushing = true;
    const nowMs = clock.now();
    const taskIds = [...due]
      .filter(([, atMs]) => atMs <= nowMs)
      .slice(0, tasksPerFrame)
      .map(([taskId]) => taskId);
    for (const taskId of taskIds) due.delete(taskId);
    const usage = await durableUsage(taskIds);
    if (closed) return;
    const records = taskIds.flatMap((taskId) => journal.state.tasks.get(taskId) ?? []);
    dispatch(
      records.filter(({ taskId, version }) => version > (sent.get(taskId)?.version ?? 0)),
      usage,
    );
    flushing = false;
    flushedAtMs = clock.now();
    if (due.size > 0) schedule(Math.min(...due.values()));
  }

  /** Usage is told when it can't be lost any more, and not before. */
  async function durableUsage(taskIds: readonly TaskId[]): Promise<UsageRecord[]> {
    const all = taskIds.flatMap((taskId) => unsentUsage(journal.state.tasks.get(taskId)));
    if (all.length === 0) return [];
    const usage = all.slice(0, usagePerFrame);
    try {
      await journal.durable();
    } catch {
      for (const { taskId } of all) due.set(taskId, clock.now() + journalRetryMs);
      return [];
    }
    for (const { taskId } of all.slice(usagePerFrame)) due.set(taskId, clock.now());
    return usage;
  }

  function unsentUsage(record: TaskRecord | undefined): readonly UsageRecord[] {
    const below = (record && sent.get(record.taskId)?.usageBelow) ?? 0;
    return record?.unackedUsage.filter(({ sequence }) => sequence >= below) ?? [];
  }

  function dispatch(records: readonly TaskRecord[], usage: readonly UsageRecord[]): void {
    const reports = [...records.map(toReport), ...retold.values()];
    retold.clear();
    if (reports.length === 0 && usage.length === 0) return;
    for (const { taskId, version } of records) sent.set(taskId, { version, usageBelow: sent.get(taskId)?.usageBelow ?? 0 });
    for (const { taskId, sequence } of usage) sent.set(taskId, { version: sent.get(taskId)?.version ?? 0, usageBelow: sequence + 1 });
    lastSeq += 1;
    inFlight.set(lastSeq, {
      sentAtMs: clock.now(),
      // Only ends are remembered as acknowledged: anything else is told again in the next hello anyway.
      reports: records.filter(({ state }) => state === 'stopped').map(({ taskId, version }) => [taskId, version] as const),
      usage: usage.map(({ taskId, sequence }) => [taskId, sequence] as const),
    });
    send({ type: 'events', seq: lastSeq, reports, usage: [...usage] });
  }

  for (const { taskId, state, version, unackedUsage } of journal.state.tasks.values()) {
    const changedSinceHello = version > (told.get(taskId) ?? 0);
    if (state !== 'stopped' && unackedUsage.length === 0 && !changedSinceHello) continue;
    // What hello said of an ended task is said again, for this time it will be acknowledged.
    if (state === 'stopped') sent.delete(taskId);
    enqueue(taskId, clock.now());
  }

  return {
    touch(taskId) {
      const record = journal.state.tasks.get(taskId);
      if (!record || closed) return;
      const delayMs = unsentUsage(record).length > 0 ? 0 : reportDelayMs(record.state);
      enqueue(taskId, clock.now() + delayMs);
    },
    retell(report) {
      retold.set(report.taskId, report);
      schedule(clock.now());
    },
    acknowledge(seq) {
      const frame = inFlight.get(seq);
      if (!frame) return;
      inFlight.delete(seq);
      const { reports, usage } = frame;
      if (reports.length > 0 || usage.length > 0) journal.append({ kind: 'acked', atMs: clock.now(), reports, usage });
      for (const [taskId] of [...reports, ...usage]) if (!journal.state.tasks.has(taskId)) sent.delete(taskId);
      if (due.size > 0 || retold.size > 0) schedule(Math.min(clock.now(), ...due.values()));
    },
    waitingSinceMs: () => inFlight.values().next().value?.sentAtMs ?? null,
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
