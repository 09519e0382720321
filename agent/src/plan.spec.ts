import { type Dependency, healthCheckSchema, restartPolicySchema, type TaskId } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { containerSpec, taskSpec } from '../test/tasks.js';
import type { TaskEntry } from './entries.js';
import { killAgainAfterMs, planFor, type View, wholeTask } from './plan.js';
import { applyEntry } from './reduce.js';
import { emptyState, type TaskRecord } from './state.js';

const taskId = '00000000-0000-4000-8000-000000000001' as TaskId;
const needs = (container: string, condition: Dependency['condition'] = 'START') => ({ dependsOn: [{ container, condition }] });
const tcp = healthCheckSchema.parse({ tcp: { port: 80 } });

const proxy = containerSpec({ name: 'proxy', essential: false, stopTimeoutSeconds: 2 });
const main = containerSpec({ name: 'main', stopTimeoutSeconds: 5 });
const apart = [proxy, main];
const ordered = [proxy, { ...main, ...needs('proxy') }];
const clean = { exitCode: 0, signal: null, oomKilled: false, runtimeFailure: null };

/** The record after these entries, at one millisecond each, beginning with the acceptance at 0. */
function after(containers: readonly (typeof main)[], entries: readonly object[], more = {}): TaskRecord {
  const state = emptyState();
  const all = [{ kind: 'accepted', spec: taskSpec({ taskId, containers: [...containers], ...more }) }, ...entries];
  for (const [atMs, entry] of all.entries()) applyEntry(state, { taskId, atMs, ...entry } as TaskEntry);
  return state.tasks.get(taskId) as TaskRecord;
}

const started = (container: string) => [
  { kind: 'container-starting', container },
  { kind: 'container-started', container, timings: {} },
];
const prepared = [{ kind: 'preparing' }, { kind: 'prepared', address: null, timings: {} }];
const running = [...prepared, ...started('proxy'), ...started('main')];
const stop = { kind: 'stop-wanted', code: 'UserInitiated', reason: '' };
const exited = (container: string, exit: object = {}) => ({ kind: 'container-exited', container, exit: { ...clean, ...exit } });
const health = (container: string, state: string) => ({
  kind: 'container-health',
  container,
  attempt: 1,
  health: state,
  reason: 'HTTP 503',
});
const stopSent = (container: string) => ({ kind: 'stop-sent', container });

const doTo = (kind: string, ...containers: string[]) => containers.map((container) => ({ kind, container }));
const wait = (againAtMs: number) => ({ steps: [], againAtMs });
const nothing = { steps: [], againAtMs: null };
const steps = (...all: object[]) => ({ steps: all, againAtMs: null });

interface Case {
  readonly name: string;
  readonly record: TaskRecord;
  readonly view?: Partial<View>;
  readonly plan: object;
}

function check({ record, view, plan }: Case): void {
  expect(planFor(record, { nowMs: 100, prepared: true, unseen: new Set(), busy: new Set(), ...view })).toEqual(plan);
}

describe('the plan of a task that runs', () => {
  it.each<Case>([
    { name: 'prepares first', record: after(apart, []), view: { prepared: false }, plan: steps({ kind: 'prepare' }) },
    {
      name: 'starts side by side who waits for nobody',
      record: after(apart, prepared),
      plan: steps(...doTo('startContainer', 'proxy', 'main')),
    },
    {
      name: 'does not begin twice what is under way',
      record: after(apart, prepared),
      view: { busy: new Set(['proxy']) },
      plan: steps(...doTo('startContainer', 'main')),
    },
    { name: 'starts who is waited for', record: after(ordered, prepared), plan: steps(...doTo('startContainer', 'proxy')) },
    {
      name: 'then those that waited',
      record: after(ordered, [...prepared, ...started('proxy')]),
      plan: steps(...doTo('startContainer', 'main')),
    },
    { name: 'is empty when all run', record: after(apart, running), plan: nothing },
    { name: 'is empty when a container that is not essential ends', record: after(apart, [...running, exited('proxy')]), plan: nothing },
    {
      name: 'prepares again in another life',
      record: after(ordered, [...prepared, ...started('proxy')]),
      view: { prepared: false },
      plan: steps({ kind: 'prepare' }),
    },
    { name: 'leaves a task alone that is being prepared', record: after(apart, []), view: { busy: new Set([wholeTask]) }, plan: nothing },
    {
      name: 'looks at what it does not know',
      record: after(apart, running),
      view: { unseen: new Set(['main', 'proxy']) },
      plan: steps(...doTo('observe', 'proxy', 'main')),
    },
    {
      name: 'starts nothing beside what it does not know',
      record: after(apart, [...prepared, ...started('proxy')]),
      view: { unseen: new Set(['proxy']), busy: new Set(['proxy']) },
      plan: nothing,
    },
    {
      name: 'waits for the end of its time',
      record: after(apart, running, { maxRunTimeSeconds: 60 }),
      plan: wait(4 + 60_000),
    },
    {
      name: 'ends it then',
      record: after(apart, running, { maxRunTimeSeconds: 60 }),
      view: { nowMs: 4 + 60_000 },
      plan: steps({ kind: 'giveUp', stop: { code: 'MaxRunTimeExceeded', reason: 'It ran for its maximum of 60 s.' } }),
    },
    { name: 'is empty when it is over', record: after(apart, [stop, { kind: 'cleaned' }]), plan: nothing },
  ])('$name', check);
});

describe('the plan of a container that waits for another', () => {
  const waiting = (condition: Dependency['condition'], first: Partial<typeof proxy> = {}) => [
    { ...proxy, ...first },
    { ...main, ...needs('proxy', condition) },
  ];
  const proxyRuns = [...prepared, ...started('proxy')];
  const fails = (code: string, reason: string) => steps({ kind: 'giveUp', stop: { code, reason } });

  it.each<Case>([
    { name: 'waits for an end', record: after(waiting('COMPLETE'), proxyRuns), plan: nothing },
    {
      name: 'starts after an end',
      record: after(waiting('COMPLETE'), [...proxyRuns, exited('proxy', { exitCode: 3 })]),
      plan: steps(...doTo('startContainer', 'main')),
    },
    {
      name: 'starts after success',
      record: after(waiting('SUCCESS'), [...proxyRuns, exited('proxy')]),
      plan: steps(...doTo('startContainer', 'main')),
    },
    {
      name: 'gives up after a failure',
      record: after(waiting('SUCCESS'), [...proxyRuns, exited('proxy', { exitCode: 3 })]),
      plan: fails('DependencyFailed', 'Container main waits for proxy to be SUCCESS, but that exited with code 3.'),
    },
    {
      name: 'waits on when it is tried again after a failure',
      record: after(waiting('SUCCESS', { restartPolicy: restartPolicySchema.parse({ mode: 'on-failure' }) }), [
        ...proxyRuns,
        exited('proxy', { exitCode: 3 }),
        { kind: 'container-cleared', container: 'proxy' },
      ]),
      plan: wait(5 + 1_000),
    },
    { name: 'waits for health', record: after(waiting('HEALTHY', { healthCheck: tcp }), proxyRuns), plan: nothing },
    {
      name: 'starts beside a healthy one',
      record: after(waiting('HEALTHY', { healthCheck: tcp }), [...proxyRuns, health('proxy', 'healthy')]),
      plan: steps(...doTo('startContainer', 'main')),
    },
    {
      name: 'gives up on an unhealthy one',
      record: after(waiting('HEALTHY', { healthCheck: tcp }), [...proxyRuns, health('proxy', 'unhealthy')]),
      plan: fails('DependencyFailed', 'Container main waits for proxy to be HEALTHY, but that is unhealthy: HTTP 503.'),
    },
    {
      name: 'gives up when the one that was to be healthy has ended',
      record: after(waiting('HEALTHY', { healthCheck: tcp }), [...proxyRuns, exited('proxy', { exitCode: 143, signal: 'SIGTERM' })]),
      plan: fails('DependencyFailed', 'Container main waits for proxy to be HEALTHY, but that has ended: it was ended by SIGTERM.'),
    },
    {
      name: 'waits no longer than the other’s start timeout',
      record: after(waiting('HEALTHY', { healthCheck: tcp, startTimeoutSeconds: 7 }), proxyRuns),
      plan: wait(3 + 7_000),
    },
    {
      name: 'gives up after it',
      record: after(waiting('HEALTHY', { healthCheck: tcp, startTimeoutSeconds: 7 }), proxyRuns),
      view: { nowMs: 7_003 },
      plan: fails('StartTimeout', 'Container proxy was not HEALTHY within its start timeout of 7 s; main waits for that.'),
    },
  ])('$name', check);
});

describe('the plan of a container with a restart policy', () => {
  const policy = { restartPolicy: restartPolicySchema.parse({}) };
  const again = [{ ...main, ...policy, healthCheck: tcp }];
  const mainRuns = [...prepared, ...started('main')];
  const cleared = { kind: 'container-cleared', container: 'main' };

  it.each<Case>([
    {
      name: 'takes away what the last attempt left',
      record: after(again, [...mainRuns, exited('main')]),
      plan: steps(...doTo('clearContainer', 'main')),
    },
    { name: 'waits', record: after(again, [...mainRuns, exited('main'), cleared]), plan: wait(5 + 1_000) },
    {
      name: 'starts it again',
      record: after(again, [...mainRuns, exited('main'), cleared]),
      view: { nowMs: 5 + 1_000 },
      plan: steps(...doTo('startContainer', 'main')),
    },
    {
      name: 'ends it when it is unhealthy',
      record: after(again, [...mainRuns, health('main', 'unhealthy')]),
      plan: steps(...doTo('stopContainer', 'main')),
    },
    {
      name: 'kills it when it does not heed that',
      record: after(again, [...mainRuns, health('main', 'unhealthy'), stopSent('main')]),
      view: { nowMs: 6 + 5_000 },
      plan: steps(...doTo('killContainer', 'main')),
    },
    {
      name: 'leaves an unhealthy one without a policy alone',
      record: after([{ ...main, healthCheck: tcp }], [...mainRuns, health('main', 'unhealthy')]),
      plan: nothing,
    },
    {
      name: 'starts nothing again once it is to stop',
      record: after(again, [...mainRuns, exited('main'), stop]),
      plan: steps({ kind: 'cleanup' }),
    },
  ])('$name', check);
});

describe('the plan of a task that is to stop', () => {
  it.each<Case>([
    {
      name: 'looks before it stops, and stops the others meanwhile',
      record: after(apart, [...running, stop]),
      view: { unseen: new Set(['main']) },
      plan: steps(...doTo('observe', 'main'), ...doTo('stopContainer', 'proxy')),
    },
    { name: 'cleans up what never started', record: after(apart, [stop]), view: { prepared: false }, plan: steps({ kind: 'cleanup' }) },
    {
      name: 'stops all that nobody needs',
      record: after(apart, [...running, stop]),
      plan: steps(...doTo('stopContainer', 'proxy', 'main')),
    },
    { name: 'stops last what others need', record: after(ordered, [...running, stop]), plan: steps(...doTo('stopContainer', 'main')) },
    {
      name: 'then that',
      record: after(ordered, [...running, stop, exited('main')]),
      plan: steps(...doTo('stopContainer', 'proxy')),
    },
    { name: 'waits for it', record: after(ordered, [...running, stop, stopSent('main')]), plan: wait(8 + 5_000) },
    {
      name: 'kills it after its time',
      record: after(ordered, [...running, stop, stopSent('main')]),
      view: { nowMs: 8 + 5_000 },
      plan: steps(...doTo('killContainer', 'main')),
    },
    {
      name: 'waits no longer than there is time for all',
      record: after(ordered, [...running, stop, stopSent('main')]),
      view: { nowMs: 1_000, killFromMs: 2_000 },
      plan: wait(2_000),
    },
    {
      name: 'waits for the kill',
      record: after(ordered, [...running, stop, stopSent('main'), { kind: 'kill-sent', container: 'main' }]),
      view: { nowMs: 5_100 },
      plan: wait(9 + killAgainAfterMs),
    },
    {
      name: 'kills again',
      record: after(ordered, [...running, stop, stopSent('main'), { kind: 'kill-sent', container: 'main' }]),
      view: { nowMs: 9 + killAgainAfterMs },
      plan: steps(...doTo('killContainer', 'main')),
    },
    {
      name: 'stops the rest when the essential one ends',
      record: after(apart, [...running, exited('main')]),
      plan: steps(...doTo('stopContainer', 'proxy')),
    },
    {
      name: 'cleans up when all have ended',
      record: after(apart, [...running, exited('main'), exited('proxy')]),
      plan: steps({ kind: 'cleanup' }),
    },
    {
      name: 'does not clean up while something is under way',
      record: after(apart, [...running, exited('main'), exited('proxy')]),
      view: { busy: new Set(['proxy']) },
      plan: nothing,
    },
    {
      name: 'stops what runs when a start fails',
      record: after(apart, [...prepared, ...started('proxy'), { kind: 'start-failed', code: 'TaskFailedToStart', reason: '' }]),
      plan: steps(...doTo('stopContainer', 'proxy')),
    },
  ])('$name', check);
});
