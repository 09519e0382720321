import type { TaskId } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { containerSpec, taskSpec } from '../test/tasks.js';
import type { Entry } from './entries.js';
import { applyEntry, compacted, forgetOldTombstones } from './reduce.js';
import { toReport } from './report.js';
import { type AgentState, emptyState, type TaskRecord, tombstoneRetentionMs } from './state.js';

const taskId = '00000000-0000-4000-8000-000000000001' as TaskId;
const clean = { exitCode: 0, signal: null, oomKilled: false, runtimeFailure: null };

const accepted = (changes: Parameters<typeof taskSpec>[0] = {}): Entry => ({
  kind: 'accepted',
  taskId,
  atMs: 1000,
  spec: taskSpec({ taskId, ...changes }),
});
const starting = (container = 'main', atMs = 1010): Entry => ({ kind: 'container-starting', taskId, atMs, container });
const started = (container = 'main', atMs = 1020): Entry => ({
  kind: 'container-started',
  taskId,
  atMs,
  container,
  timings: { create: 1.5 },
});
const exited = (container = 'main', atMs = 2000, exit: object = {}): Entry => ({
  kind: 'container-exited',
  taskId,
  atMs,
  container,
  exit: { ...clean, ...exit },
});
const stopWanted = (atMs = 1500): Entry => ({ kind: 'stop-wanted', taskId, atMs, code: 'UserInitiated', reason: 'by me' });
const cleaned = (atMs = 2500): Entry => ({ kind: 'cleaned', taskId, atMs });
const running = [accepted(), { kind: 'preparing', taskId, atMs: 1005 } as const, starting(), started()];

function fold(...entries: Entry[]): AgentState {
  const state = emptyState();
  for (const entry of entries) applyEntry(state, entry);
  return state;
}

const recordOf = (...entries: Entry[]) => fold(...entries).tasks.get(taskId) as TaskRecord;

describe('a task', () => {
  it('runs when all of its containers were let go', () => {
    const containers = [containerSpec({ name: 'a' }), containerSpec({ name: 'b' })];
    const one = [accepted({ containers }), starting('a'), started('a')];
    expect(recordOf(...one).state).toBe('placed');
    expect(recordOf(...one, starting('b'), started('b', 1090))).toMatchObject({ state: 'running', reachedAtMs: { running: 1090 } });
  });

  it('adds the timings of its parts up', () => {
    const prepared: Entry = { kind: 'prepared', taskId, atMs: 1008, address: '10.0.0.2', timings: { image: 0.5, create: 1 } };
    expect(recordOf(accepted(), prepared, starting(), started())).toMatchObject({
      address: '10.0.0.2',
      startTimings: { image: 0.5, create: 2.5 },
    });
  });

  it.each([
    { name: 'exit code', exit: { exitCode: 3 }, code: 'EssentialContainerExited', reason: 'Essential container main exited with code 3.' },
    {
      name: 'signal',
      exit: { exitCode: 137, signal: 'SIGKILL' },
      code: 'EssentialContainerExited',
      reason: 'Essential container main was ended by SIGKILL.',
    },
    {
      name: 'memory',
      exit: { exitCode: 137, signal: 'SIGKILL', oomKilled: true },
      code: 'OutOfMemory',
      reason: 'Container main was killed at its memory limit.',
    },
    {
      name: 'runtime',
      exit: { exitCode: 255, runtimeFailure: 'its monitor died' },
      code: 'RuntimeFailed',
      reason: 'Container main: its monitor died',
    },
  ])('stops with its essential container, by $name', ({ exit, code, reason }) => {
    const record = recordOf(...running, exited('main', 2000, exit), cleaned());
    expect(record.stop).toEqual({ code, reason });
    expect(record.state).toBe('stopped');
  });

  it('is said to have stopped when its last container did, not when it was swept up', () => {
    expect(recordOf(...running, exited(), cleaned(9000)).reachedAtMs).toMatchObject({ stopping: 2000, stopped: 2000 });
  });

  it('keeps the first cause of its end', () => {
    expect(recordOf(...running, stopWanted(), exited('main', 2000, { exitCode: 143 }), cleaned()).stop?.code).toBe('UserInitiated');
    expect(recordOf(...running, exited(), stopWanted(2100), cleaned()).stop?.code).toBe('EssentialContainerExited');
  });

  it('outlives a container that is not essential, but not all of them', () => {
    const containers = [containerSpec({ name: 'a', essential: false }), containerSpec({ name: 'b', essential: false })];
    const both = [accepted({ containers }), starting('a'), started('a'), starting('b'), started('b')];
    expect(recordOf(...both, exited('a')).stop).toBeNull();
    expect(recordOf(...both, exited('a'), exited('b')).stop?.code).toBe('EssentialContainerExited');
  });

  it('that was stopped before it ran has no usage and no containers that ran', () => {
    const record = recordOf(accepted(), stopWanted(), cleaned());
    expect(record).toMatchObject({ state: 'stopped', unackedUsage: [], reachedAtMs: { stopped: 2500 } });
    expect(record.containers[0]?.state).toBe('waiting');
  });

  it('never starts when its stop came first', () => {
    const declined: Entry = { kind: 'declined', taskId, atMs: 900, code: 'UserInitiated', reason: '' };
    expect(recordOf(declined, accepted())).toMatchObject({ state: 'stopped', spec: null, version: 1 });
  });

  it('does not change after its end', () => {
    const over = [...running, exited(), cleaned()];
    expect(recordOf(...over, exited('main', 3000, { exitCode: 9 }), stopWanted(), started(), cleaned(4000))).toEqual(recordOf(...over));
  });

  it('grows its version with each change that is told', () => {
    const versions = running.map((_, index) => recordOf(...running.slice(0, index + 1)).version);
    expect(versions).toEqual([1, 2, 3, 4]);
  });

  it('counts an end that was seen twice once', () => {
    expect(recordOf(...running, exited(), exited('main', 2001, { exitCode: 1 }))).toEqual(recordOf(...running, exited()));
  });

  it('says so when a process does not die', () => {
    const kill: Entry = { kind: 'kill-sent', taskId, atMs: 1600, container: 'main' };
    expect(recordOf(...running, stopWanted(), kill).containers[0]?.reason).toBeNull();
    expect(recordOf(...running, stopWanted(), kill, kill)).toMatchObject({
      state: 'stopping',
      containers: [{ kills: 2, reason: expect.stringContaining('does not die') }],
    });
  });
});

describe('usage', () => {
  const usageOf = (...entries: Entry[]) =>
    recordOf(...entries).unackedUsage.map(({ sequence, startedAt, endedAt }) => [sequence, Date.parse(startedAt), Date.parse(endedAt)]);

  it('goes from the first start to the last end', () => {
    const containers = [containerSpec({ name: 'a', essential: false }), containerSpec({ name: 'b' })];
    const two = [accepted({ containers }), starting('a'), started('a', 1020), starting('b'), started('b', 1060)];
    expect(usageOf(...two, exited('b', 2000))).toEqual([]);
    expect(usageOf(...two, exited('b', 2000), exited('a', 2300))).toEqual([]);
    expect(usageOf(...two, exited('b', 2000), exited('a', 2300), cleaned(9000))).toEqual([[0, 1020, 2300]]);
    expect(usageOf(...two, exited('b', 2000), exited('a', 1500), cleaned(9000))).toEqual([[0, 1020, 2000]]);
  });

  it('is cut without a gap', () => {
    const cut = (atMs: number): Entry => ({ kind: 'usage-cut', taskId, atMs });
    expect(usageOf(...running, cut(1300), cut(1600), exited(), cut(2900), cleaned(3000))).toEqual([
      [0, 1020, 1300],
      [1, 1300, 1600],
      [2, 1600, 2000],
    ]);
  });

  it('ends with a reboot at the last moment the agent was alive', () => {
    const rebooted: Entry = { kind: 'rebooted', taskId, atMs: 1800 };
    const record = recordOf(...running, rebooted, cleaned(90_000));
    expect(usageOf(...running, rebooted, cleaned(90_000))).toEqual([[0, 1020, 1800]]);
    expect(record).toMatchObject({
      stop: { code: 'HostRebooted' },
      reachedAtMs: { stopped: 1800 },
      containers: [{ state: 'exited', exitCode: null }],
    });
  });

  it('ends when the start of a later container fails', () => {
    const containers = [containerSpec({ name: 'a' }), containerSpec({ name: 'b' })];
    const failed: Entry = { kind: 'start-failed', taskId, atMs: 1100, code: 'TaskFailedToStart', reason: '' };
    const absent: Entry = { kind: 'container-absent', taskId, atMs: 1110, container: 'b' };
    const entries = [
      accepted({ containers }),
      starting('a'),
      started('a'),
      starting('b'),
      failed,
      exited('a', 1200),
      absent,
      cleaned(1300),
    ];
    expect(usageOf(...entries)).toEqual([[0, 1020, 1200]]);
  });
});

describe('egress', () => {
  const read = (bytes: number): Entry => ({ kind: 'egress-read', taskId, atMs: 1500, bytes });
  const cut = (atMs: number): Entry => ({ kind: 'usage-cut', taskId, atMs });
  const bytesOf = (...entries: Entry[]) => recordOf(...running, ...entries).unackedUsage.map(({ egressBytes }) => egressBytes ?? null);

  it('is what the counter has grown by since the last interval, up to when the task was cleaned up', () => {
    expect(bytesOf(read(100), read(300), cut(1300), cut(1400), read(300), exited(), read(350), cleaned())).toEqual([300, null, 50]);
  });

  it('counts on when the counter begins anew', () => {
    expect(bytesOf(read(100), cut(1300), read(40), read(90), exited(), cleaned())).toEqual([100, 90]);
  });

  it('changes nothing that is reported', () => {
    expect(recordOf(...running, read(100)).version).toBe(recordOf(...running).version);
  });
});

it('a pull before the first process is usage of its own, and is told at once', () => {
  const prepared: Entry = {
    ...{ kind: 'prepared', taskId, atMs: 1010, address: null, timings: {} },
    pulled: { fromMs: 1001, untilMs: 1009 },
  };
  const { unackedUsage } = recordOf(accepted(), prepared, starting(), started(), exited(), cleaned());
  expect(
    unackedUsage.map(({ sequence, pull, startedAt, endedAt }) => [sequence, pull ?? false, Date.parse(startedAt), Date.parse(endedAt)]),
  ).toEqual([
    [0, true, 1001, 1009],
    [1, false, 1020, 2000],
  ]);
  // A task between two attempts holds its resources anyway.
  expect(recordOf(...running, prepared).unackedUsage).toEqual([]);
});

describe('acknowledgement', () => {
  const over = [...running, exited(), cleaned()];
  const { version } = recordOf(...over);
  const acked = (reports: [TaskId, number][], usage: [TaskId, number][]): Entry => ({ kind: 'acked', atMs: 3000, reports, usage });

  it('buries a task when its end and its usage are acknowledged', () => {
    expect(fold(...over, acked([[taskId, version]], [])).tasks.has(taskId)).toBe(true);
    expect(fold(...over, acked([[taskId, version - 1]], [[taskId, 0]])).tasks.has(taskId)).toBe(true);
    const state = fold(...over, acked([[taskId, version]], []), acked([], [[taskId, 0]]));
    expect(state.tasks.has(taskId)).toBe(false);
    expect(state.tombstones.get(taskId)?.report).toEqual(toReport(recordOf(...over)));
  });

  it('does not let a buried task start again', () => {
    const state = fold(...over, acked([[taskId, version]], [[taskId, 0]]), accepted());
    expect(state.tasks.has(taskId)).toBe(false);
  });

  it('forgets the buried after their retention', () => {
    const state = fold(...over, acked([[taskId, version]], [[taskId, 0]]));
    forgetOldTombstones(state, 3000 + tombstoneRetentionMs);
    expect(state.tombstones.size).toBe(1);
    forgetOldTombstones(state, 3001 + tombstoneRetentionMs);
    expect(state.tombstones.size).toBe(0);
  });
});

describe('a state', () => {
  it('is the same after compaction', () => {
    const other = '00000000-0000-4000-8000-000000000002' as TaskId;
    const anchor = { bootId: 'b', wallMs: 900, monotonicMs: 1 };
    const state = fold({ kind: 'anchored', anchor }, { kind: 'epoch', epoch: 4 }, ...running, {
      kind: 'accepted',
      taskId: other,
      atMs: 5000,
      spec: taskSpec({ taskId: other }),
    });
    expect(fold(...compacted(state))).toEqual(state);
  });

  it('grows every version in a new life, for some may have been told and then lost', () => {
    expect(recordOf(...running, { kind: 'resumed', atMs: 3000 }).version).toBeGreaterThan(recordOf(...running).version + 100);
  });

  it('obeys the highest epoch for ever', () => {
    expect(fold({ kind: 'epoch', epoch: 7 }, { kind: 'epoch', epoch: 3 }).epoch).toBe(7);
  });
});
