import { taskSpecSchema } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { taskSpec } from '../test/tasks.js';
import type { Entry } from './entries.js';
import { modernised } from './old-entries.js';
import { planFor } from './plan.js';
import { applyEntry, compacted } from './reduce.js';
import { emptyState, type TaskRecord } from './state.js';

const spec = taskSpec();
const { taskId } = spec;

/** As the first version of the agent wrote it: the fields that came later are not there. */
const oldSpec = JSON.parse(
  JSON.stringify(spec, (key, value) => (['dependsOn', 'restartPolicy', 'maxRunTimeSeconds'].includes(key) ? undefined : value)),
);
const oldFields = [
  'name',
  'essential',
  'stopTimeoutMs',
  'state',
  'startingAtMs',
  'startedAtMs',
  'finishedAtMs',
  'exitCode',
  'signal',
  'reason',
];

function oldRecord(): Entry {
  const state = emptyState();
  applyEntry(state, { kind: 'accepted', taskId, atMs: 1, spec });
  applyEntry(state, { kind: 'container-starting', taskId, atMs: 2, container: 'main' });
  applyEntry(state, { kind: 'container-started', taskId, atMs: 3, container: 'main', timings: {} });
  const [entry] = compacted(state).filter(({ kind }) => kind === 'record');
  const { ranFromMs: _, protection: __, ...record } = (entry as { record: TaskRecord }).record;
  const stops = { stopSentAtMs: null, killSentAtMs: null, kills: 0 };
  const containers = record.containers.map((each) => ({
    ...Object.fromEntries(Object.entries(each).filter(([key]) => oldFields.includes(key))),
    ...stops,
  }));
  return { kind: 'record', record: { ...record, spec: oldSpec, containers } as unknown as TaskRecord };
}

describe('a journal of an earlier version', () => {
  it('gets what its tasks’ orders could not say', () => {
    const entry = modernised({ kind: 'accepted', taskId, atMs: 1, spec: oldSpec });
    expect(entry).toMatchObject({ spec: taskSpecSchema.parse(spec) });
  });

  it('is gone on from: its container is in its first attempt', () => {
    const state = emptyState();
    applyEntry(state, modernised(oldRecord()));
    const record = state.tasks.get(taskId) as TaskRecord;
    expect(record).toMatchObject({ ranFromMs: 3, protection: null, containers: [{ attempt: 1, lastExit: null, health: 'unknown' }] });
    expect(planFor(record, { nowMs: 9, prepared: false, unseen: new Set(), busy: new Set() })).toEqual({ steps: [], againAtMs: null });
  });

  it('keeps entries of the present as they are', () => {
    const entry: Entry = { kind: 'cleaned', taskId, atMs: 5 };
    expect(modernised(entry)).toBe(entry);
  });
});
