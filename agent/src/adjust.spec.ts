import type { TaskWish } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { taskSpec } from '../test/tasks.js';
import { lackOf } from './adjust.js';
import { isFrozen, openWish } from './adjust-record.js';
import type { TaskEntry } from './entries.js';
import { planFor } from './plan.js';
import { applyEntry, compacted } from './reduce.js';
import { emptyState, type TaskRecord } from './state.js';
import { newRecord } from './task-record.js';

const spec = taskSpec({ cpuMillis: 500, memoryMiB: 128 });
const { taskId } = spec;
const container = spec.containers[0]?.name as string;
const wish = (version: number, more: Partial<TaskWish> = {}): TaskWish => ({
  version,
  cpuMillis: 500,
  memoryMiB: 128,
  frozen: false,
  ...more,
});
const wanted = (atMs: number, one: TaskWish): TaskEntry => ({ kind: 'adjust-wanted', taskId, atMs, wish: one });
const done = (atMs: number, one: TaskWish, refusal: string | null = null): TaskEntry => ({
  kind: 'adjusted',
  taskId,
  atMs,
  adjusted: { ...one, refusal },
});
const running: TaskEntry[] = [
  { kind: 'accepted', taskId, atMs: 0, spec },
  { kind: 'preparing', taskId, atMs: 1 },
  { kind: 'prepared', taskId, atMs: 2, address: null, timings: {} },
  { kind: 'container-starting', taskId, container, atMs: 3 },
  { kind: 'container-started', taskId, container, atMs: 1000, timings: {} },
];
const ended: TaskEntry[] = [
  { kind: 'stop-wanted', taskId, atMs: 9000, code: 'UserInitiated', reason: 'enough' },
  {
    kind: 'container-exited',
    taskId,
    container,
    atMs: 10_000,
    exit: { exitCode: 0, signal: null, oomKilled: false, runtimeFailure: null },
  },
  { kind: 'cleaned', taskId, atMs: 11_000 },
];

function after(...entries: TaskEntry[]): TaskRecord {
  const state = emptyState();
  for (const entry of [...running, ...entries]) applyEntry(state, entry);
  const replayed = emptyState();
  for (const entry of compacted(state)) applyEntry(replayed, JSON.parse(JSON.stringify(entry)));
  expect([...replayed.tasks]).toEqual([...state.tasks]);
  return state.tasks.get(taskId) as TaskRecord;
}

const usage = (record: TaskRecord) =>
  record.unackedUsage.map(({ startedAt, endedAt, cpuMillis, memoryMiB, frozen }) => [
    Date.parse(startedAt),
    Date.parse(endedAt),
    cpuMillis,
    memoryMiB,
    frozen ?? false,
  ]);

const view = { nowMs: 5000, prepared: true, unseen: new Set<string>(), busy: new Set<string>() };
const nextStep = (record: TaskRecord) => planFor(record, view).steps[0] ?? null;

describe('a wish', () => {
  it('is carried out once the task runs, and then never again', () => {
    const open = after(wanted(2000, wish(1, { cpuMillis: 900 })));
    expect(nextStep(open)).toEqual({ kind: 'adjust' });
    const answered = after(wanted(2000, wish(1, { cpuMillis: 900 })), done(2100, wish(1, { cpuMillis: 900 })));
    expect(openWish(answered)).toBeNull();
    expect(nextStep(answered)).toBeNull();
  });

  it('is replaced by a newer one, and an older one is no news', () => {
    expect(after(wanted(1, wish(2)), wanted(2, wish(1, { frozen: true }))).wish).toEqual(wish(2));
    expect(after(wanted(1, wish(2)), wanted(2, wish(3))).wish).toEqual(wish(3));
    expect(openWish(after(wanted(1, wish(3)), done(2, wish(3)), wanted(3, wish(3, { cpuMillis: 1 }))))).toBeNull();
  });

  it('waits until every container runs', () => {
    expect(openWish({ ...newRecord(spec, 0), wish: wish(1) })).toBeNull();
  });

  it('counts for nothing any more when the task is to stop', () => {
    const record = after(wanted(2000, wish(1)), ended[0] as TaskEntry);
    expect(nextStep(record)).toMatchObject({ kind: 'stopContainer' });
    expect(after(ended[0] as TaskEntry, wanted(9500, wish(1))).wish).toBeUndefined();
  });

  it('that is refused leaves everything as it was and tells why', () => {
    const record = after(wanted(2000, wish(1, { memoryMiB: 32 })), done(2100, wish(1), 'too much in use'));
    expect(record.spec).toMatchObject({ cpuMillis: 500, memoryMiB: 128 });
    expect(record.adjusted?.refusal).toBe('too much in use');
    expect(record.unackedUsage).toEqual([]);
    expect(openWish(record)).toBeNull();
  });
});

describe('usage', () => {
  it('goes over to the new size at the instant at which it held, without a gap', () => {
    const bigger = wish(1, { cpuMillis: 900, memoryMiB: 256 });
    const record = after(wanted(2000, bigger), done(3000, bigger), ...ended);
    expect(usage(record)).toEqual([
      [1000, 3000, 500, 128, false],
      [3000, 10_000, 900, 256, false],
    ]);
  });

  it('says which time it was frozen', () => {
    const record = after(
      ...[wanted(2000, wish(1, { frozen: true })), done(3000, wish(1, { frozen: true }))],
      ...[wanted(4000, wish(2)), done(5000, wish(2)), ...ended],
    );
    expect(usage(record)).toEqual([
      [1000, 3000, 500, 128, false],
      [3000, 5000, 500, 128, true],
      [5000, 10_000, 500, 128, false],
    ]);
  });

  it('is one interval when the answer changes nothing', () => {
    expect(usage(after(wanted(2000, wish(1)), done(3000, wish(1)), ...ended))).toEqual([[1000, 10_000, 500, 128, false]]);
  });

  it('does not turn back when the exit was before the change and was noticed after it', () => {
    const bigger = wish(1, { cpuMillis: 900 });
    const early = { ...(ended[1] as TaskEntry), atMs: 2500 } as TaskEntry;
    const record = after(wanted(2000, bigger), done(3000, bigger), early, ended[2] as TaskEntry);
    expect(usage(record)).toEqual([
      [1000, 3000, 500, 128, false],
      [3000, 3000, 900, 128, false],
    ]);
  });
});

describe('a frozen task that is to stop', () => {
  const frozen = [wanted(2000, wish(1, { frozen: true })), done(3000, wish(1, { frozen: true }))];

  it('is thawed before anything else', () => {
    const record = after(...frozen, ended[0] as TaskEntry);
    expect(nextStep(record)).toEqual({ kind: 'thaw' });
    const thawed = after(...frozen, ended[0] as TaskEntry, { kind: 'thawed', taskId, atMs: 9001 });
    expect(isFrozen(thawed)).toBe(false);
    expect(nextStep(thawed)).toMatchObject({ kind: 'stopContainer' });
  });
});

describe('what the host lacks', () => {
  const record = newRecord(spec, 0);
  const held = { cpuMillis: 1500, memoryMiB: 512, taskSlots: 2 };
  const capacity = { cpuMillis: 2000, memoryMiB: 1024, taskSlots: 10 };

  it('is nothing for what is free, the task’s own size included', () => {
    expect(lackOf(wish(1, { cpuMillis: 1000, memoryMiB: 640 }), record, held, capacity)).toBeNull();
  });

  it('is said in the unit that is short', () => {
    expect(lackOf(wish(1, { cpuMillis: 1001 }), record, held, capacity)).toContain('1000 CPU millis');
    expect(lackOf(wish(1, { memoryMiB: 641 }), record, held, capacity)).toContain('640 MiB');
  });

  it('does not keep a task from getting smaller on a host that is too full', () => {
    expect(lackOf(wish(1, { cpuMillis: 400 }), record, { ...held, cpuMillis: 4000 }, capacity)).toBeNull();
  });

  it('is room for a container’s own limit', () => {
    const limited = taskSpec({ cpuMillis: 500, memoryMiB: 128, containers: spec.containers.map((one) => ({ ...one, memoryMiB: 100 })) });
    expect(lackOf(wish(1, { memoryMiB: 64 }), newRecord(limited, 0), held, capacity)).toContain(container);
  });
});
