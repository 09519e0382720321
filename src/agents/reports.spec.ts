import type { HostId, StopCode, TaskId, TaskReport, TaskState } from '@berth/contract';
import { stateRank, taskStates } from '@berth/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideReports, type KnownTask } from './reports.js';

const host = 'host' as HostId;
const id = 'task' as TaskId;
const at = (second: number) => `2026-01-01T00:00:0${second}.000Z`;

const known = (state: TaskState, more: Partial<KnownTask> = {}): Map<TaskId, KnownTask> =>
  new Map([
    [
      id,
      {
        id,
        tenantId: 'tenant',
        hostId: host,
        state,
        reportVersion: 3,
        desiredStopCode: null,
        desiredStopReason: null,
        stopCode: null,
        stopReason: null,
        cpuMillis: 100,
        memoryMiB: 64,
        adjusted: null,
        ...more,
      },
    ],
  ]);
const report = (state: TaskState, version: number, more: Partial<TaskReport> = {}): TaskReport => ({
  taskId: id,
  version,
  state,
  reachedAt: {},
  address: null,
  stopCode: null,
  stopReason: null,
  ports: [],
  containers: [],
  startTimings: null,
  health: 'unknown',
  protection: null,
  ...more,
});
const decideOne = (task: Map<TaskId, KnownTask>, one: TaskReport, hostId = host) => decideReports(task, [{ hostId, report: one }]);

describe('decideReports', () => {
  it.each<[string, TaskState, TaskReport, HostId, string]>([
    ['news', 'placed', report('running', 4), host, 'applied'],
    ['a newer version in the same state', 'running', report('running', 4), host, 'applied'],
    ['the same version again', 'placed', report('running', 3), host, 'old'],
    ['an older version', 'placed', report('running', 2), host, 'old'],
    ['a step backwards, whatever its version', 'running', report('starting', 9), host, 'old'],
    ['a task of another host', 'placed', report('stopped', 4), 'other' as HostId, 'unknown'],
    ['an end after the end', 'stopped', report('stopped', 9), host, 'old'],
    ['life after the end', 'stopped', report('running', 9), host, 'ended'],
  ])('takes %s so', (_, state, one, hostId, expected) => {
    const { verdicts, changes } = decideOne(known(state), one, hostId);
    expect(verdicts).toEqual([expected]);
    expect(changes.length).toBe(expected === 'applied' ? 1 : 0);
  });

  it('leaves a task it does not know alone', () => {
    expect(decideOne(new Map(), report('running', 1)).verdicts).toEqual(['unknown']);
  });

  it('makes an event for each state passed through, with the agent’s times and reasons', () => {
    const reachedAt = { starting: at(1), running: at(2), stopped: at(4) };
    const { events } = decideOne(
      known('placed'),
      report('stopped', 4, { reachedAt, stopCode: 'EssentialContainerExited', stopReason: 'main exited with 3' }),
    );
    expect(events.map(({ type, at, reason }) => [type, at, reason])).toEqual([
      ['starting', at(1), 'the host prepares its containers'],
      ['running', at(2), 'its containers run'],
      ['stopped', at(4), 'main exited with 3'],
    ]);
  });

  it('makes no second event for a state that is known', () => {
    expect(decideOne(known('running'), report('running', 4, { reachedAt: { starting: at(1), running: at(2) } })).events).toEqual([]);
  });

  it.each<[Partial<TaskReport>, Partial<KnownTask>, StopCode, string]>([
    [{ stopCode: 'OutOfMemory', stopReason: 'main went over 64 MiB' }, {}, 'OutOfMemory', 'main went over 64 MiB'],
    [{}, { desiredStopCode: 'UserInitiated', desiredStopReason: 'enough' }, 'UserInitiated', 'enough'],
    [{}, {}, 'RuntimeFailed', 'The container runtime or its monitor failed on the host.'],
  ])('always gives an end a code and a reason', (said, wanted, stopCode, stopReason) => {
    expect(decideOne(known('running', wanted), report('stopped', 4, said)).changes[0]).toMatchObject({ stopCode, stopReason });
  });

  it('comes to the newest report in whatever order they come, and however often', () => {
    // What an agent would say of one task: versions and states grow together.
    const history = fc
      .array(fc.constantFrom(...taskStates.slice(1)), { minLength: 1, maxLength: 8 })
      .map((states) => states.sort((a, b) => stateRank(a) - stateRank(b)).map((state, index) => report(state, 4 + index)));
    fc.assert(
      fc.property(
        history.chain((reports) =>
          fc.tuple(fc.constant(reports), fc.shuffledSubarray([...reports, ...reports], { minLength: reports.length })),
        ),
        ([reports, shuffled]) => {
          const given = [...shuffled, ...reports];
          const last = reports.at(-1);
          const { changes } = decideReports(
            known('placed'),
            given.map((one) => ({ hostId: host, report: one })),
          );
          expect(changes.map((change) => change.report)).toEqual([last]);
        },
      ),
    );
  });
});
