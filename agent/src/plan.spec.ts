import type { TaskId } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { containerSpec, taskSpec } from '../test/tasks.js';
import type { TaskEntry } from './entries.js';
import { killAgainAfterMs, nextStep, type View } from './plan.js';
import { applyEntry } from './reduce.js';
import { emptyState, type TaskRecord } from './state.js';

const taskId = '00000000-0000-4000-8000-000000000001' as TaskId;
const spec = taskSpec({
  taskId,
  containers: [
    containerSpec({ name: 'proxy', essential: false, stopTimeoutSeconds: 2 }),
    containerSpec({ name: 'main', stopTimeoutSeconds: 5 }),
  ],
});
const clean = { exitCode: 0, signal: null, oomKilled: false, runtimeFailure: null };

/** The record after these entries, at one millisecond each, beginning with the acceptance at 0. */
function after(...entries: object[]): TaskRecord {
  const state = emptyState();
  const all = [{ kind: 'accepted', spec }, ...entries];
  for (const [atMs, entry] of all.entries()) applyEntry(state, { taskId, atMs, ...entry } as TaskEntry);
  return state.tasks.get(taskId) as TaskRecord;
}

const started = (container: string) => [
  { kind: 'container-starting', container },
  { kind: 'container-started', container, timings: {} },
];
const running = [{ kind: 'preparing' }, { kind: 'prepared', address: null, timings: {} }, ...started('proxy'), ...started('main')];
const stop = { kind: 'stop-wanted', code: 'UserInitiated', reason: '' };
const exited = (container: string) => ({ kind: 'container-exited', container, exit: clean });

describe('the next step', () => {
  const cases: { name: string; record: TaskRecord; view?: Partial<View>; step: object | null }[] = [
    { name: 'prepares first', record: after(), view: { prepared: false }, step: { kind: 'prepare' } },
    { name: 'starts the first container', record: after(), step: { kind: 'startContainer', container: 'proxy' } },
    { name: 'starts the second after it', record: after(...running.slice(0, 4)), step: { kind: 'startContainer', container: 'main' } },
    { name: 'is none when all run', record: after(...running), step: null },
    { name: 'prepares again in another life', record: after(...running.slice(0, 4)), view: { prepared: false }, step: { kind: 'prepare' } },
    { name: 'is none when a container that is not essential ends', record: after(...running, exited('proxy')), step: null },
    {
      name: 'looks at what it does not know',
      record: after(...running),
      view: { unseen: new Set(['main']) },
      step: { kind: 'observe', container: 'main' },
    },
    {
      name: 'looks before it stops',
      record: after(...running, stop),
      view: { unseen: new Set(['main']) },
      step: { kind: 'observe', container: 'main' },
    },
    { name: 'cleans up what was stopped before it started', record: after(stop), view: { prepared: false }, step: { kind: 'cleanup' } },
    { name: 'stops the last container first', record: after(...running, stop), step: { kind: 'stopContainer', container: 'main' } },
    {
      name: 'waits for it',
      record: after(...running, stop, { kind: 'stop-sent', container: 'main' }),
      step: { kind: 'wait', untilMs: 8 + 5_000 },
    },
    {
      name: 'kills it after its time',
      record: after(...running, stop, { kind: 'stop-sent', container: 'main' }),
      view: { nowMs: 8 + 5_000 },
      step: { kind: 'killContainer', container: 'main' },
    },
    {
      name: 'waits no longer than there is time for all',
      record: after(...running, stop, { kind: 'stop-sent', container: 'main' }),
      view: { nowMs: 1_000, killFromMs: 2_000 },
      step: { kind: 'wait', untilMs: 2_000 },
    },
    {
      name: 'kills it when the time for all is over',
      record: after(...running, stop, { kind: 'stop-sent', container: 'main' }),
      view: { nowMs: 2_000, killFromMs: 2_000 },
      step: { kind: 'killContainer', container: 'main' },
    },
    {
      name: 'waits for the kill',
      record: after(...running, stop, { kind: 'stop-sent', container: 'main' }, { kind: 'kill-sent', container: 'main' }),
      view: { nowMs: 5_100 },
      step: { kind: 'wait', untilMs: 9 + killAgainAfterMs },
    },
    {
      name: 'kills again',
      record: after(...running, stop, { kind: 'stop-sent', container: 'main' }, { kind: 'kill-sent', container: 'main' }),
      view: { nowMs: 9 + killAgainAfterMs },
      step: { kind: 'killContainer', container: 'main' },
    },
    {
      name: 'then stops the one before',
      record: after(...running, stop, exited('main')),
      step: { kind: 'stopContainer', container: 'proxy' },
    },
    {
      name: 'stops the rest when the essential one ends',
      record: after(...running, exited('main')),
      step: { kind: 'stopContainer', container: 'proxy' },
    },
    { name: 'cleans up when all have ended', record: after(...running, exited('main'), exited('proxy')), step: { kind: 'cleanup' } },
    {
      name: 'stops what runs when a start fails',
      record: after(...running.slice(0, 4), { kind: 'start-failed', code: 'TaskFailedToStart', reason: '' }),
      step: { kind: 'stopContainer', container: 'proxy' },
    },
    { name: 'is none when it is over', record: after(stop, { kind: 'cleaned' }), step: null },
  ];

  it.each(cases)('$name', ({ record, view, step }) => {
    expect(nextStep(record, { nowMs: 100, prepared: true, unseen: new Set(), ...view })).toEqual(step);
  });
});
