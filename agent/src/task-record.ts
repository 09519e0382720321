// The life of one task at the agent: what each entry does to its record. A task only moves forward, its times never
// go backwards, and the first cause of its end is the one that counts.
import { type StopCode, stateRank, type TaskSpec } from '@berth/contract';
import { applyAdjustment, isAdjustEntry } from './adjust-record.js';
import type { ExitFacts, TaskEntry } from './entries.js';
import { type ContainerRecord, isLive, type ReportedState, type TaskRecord } from './state.js';
import { closeUsage, cutUsage, newMeter, openUsage, type UsageInterval } from './usage.js';

type LiveEntry = Exclude<TaskEntry, { kind: 'accepted' | 'declined' }>;
type Of<K extends LiveEntry['kind']> = Extract<LiveEntry, { kind: K }>;

export interface Applied {
  readonly record: TaskRecord;
  readonly closed: readonly UsageInterval[];
}

export function newRecord(spec: TaskSpec, atMs: number): TaskRecord {
  return {
    taskId: spec.taskId,
    spec,
    acceptedAtMs: atMs,
    version: 1,
    ackedVersion: 0,
    state: 'placed',
    reachedAtMs: {},
    stop: null,
    address: null,
    containers: spec.containers.map(({ name, essential, stopTimeoutSeconds }) => ({
      name,
      essential,
      stopTimeoutMs: stopTimeoutSeconds * 1000,
      state: 'waiting',
      startingAtMs: null,
      startedAtMs: null,
      finishedAtMs: null,
      exitCode: null,
      signal: null,
      reason: null,
      stopSentAtMs: null,
      killSentAtMs: null,
      kills: 0,
    })),
    startTimings: null,
    usage: newMeter,
    unackedUsage: [],
  };
}

export function declinedRecord({ taskId, atMs, code, reason }: Extract<TaskEntry, { kind: 'declined' }>): TaskRecord {
  return {
    taskId,
    spec: null,
    acceptedAtMs: atMs,
    version: 1,
    ackedVersion: 0,
    state: 'stopped',
    reachedAtMs: { stopped: atMs },
    stop: { code, reason },
    address: null,
    containers: [],
    startTimings: null,
    usage: newMeter,
    unackedUsage: [],
  };
}

/** @returns the same record when the entry changes nothing. */
export function applyToRecord(record: TaskRecord, entry: LiveEntry): Applied {
  if (entry.kind === 'usage-cut') {
    const { meter, closed } = cutUsage(record.usage, entry.atMs);
    return closed ? { record: { ...record, usage: meter }, closed: [closed] } : { record, closed: [] };
  }
  if (isAdjustEntry(entry)) return applyAdjustment(record, entry);
  const changed = change(record, entry);
  if (changed === record) return { record, closed: [] };
  const told = entry.kind === 'stop-sent' ? record.version : record.version + 1;
  return settleUsage({ ...changed, version: told });
}

function change(record: TaskRecord, entry: Exclude<LiveEntry, { kind: 'usage-cut' | 'adjust-wanted' | 'adjusted' | 'thawed' }>): TaskRecord {
  switch (entry.kind) {
    case 'preparing':
      return reach(record, 'starting', entry.atMs);
    case 'prepared':
      return { ...record, address: entry.address, startTimings: addTimings(record.startTimings, entry.timings) };
    case 'stop-wanted':
    case 'start-failed':
      return end(record, entry.code, entry.reason, entry.atMs);
    case 'container-starting':
      return withContainer(record, entry.container, 'waiting', () => ({ state: 'starting', startingAtMs: entry.atMs }));
    case 'container-absent':
      return withContainer(record, entry.container, 'starting', () => ({ state: 'waiting', startingAtMs: null }));
    case 'container-started':
      return started(record, entry);
    case 'container-exited':
      return exited(record, entry);
    case 'stop-sent':
      return withContainer(record, entry.container, 'running', () => ({ stopSentAtMs: entry.atMs }));
    case 'kill-sent':
      return withContainer(record, entry.container, 'running', ({ kills }) => ({
        kills: kills + 1,
        killSentAtMs: entry.atMs,
        reason: kills > 0 ? 'A process of it does not die of SIGKILL; the host is trying again.' : null,
      }));
    case 'rebooted':
      return end(endAll(record, entry.atMs, 'The host was restarted.'), 'HostRebooted', 'The host was restarted.', entry.atMs);
    case 'cleaned':
      return cleaned(endAll(record, entry.atMs, null), entry.atMs);
    default:
      // A later version of the agent may have left entries that this one does not know.
      entry satisfies never;
      return record;
  }
}

function started(record: TaskRecord, entry: Of<'container-started'>): TaskRecord {
  const next = withContainer(record, entry.container, 'starting', () => ({ state: 'running', startedAtMs: entry.atMs }));
  if (next === record) return record;
  const metered = { ...next, usage: openUsage(next.usage, entry.atMs), startTimings: addTimings(next.startTimings, entry.timings) };
  const allStarted = metered.containers.every(({ startedAtMs }) => startedAtMs !== null);
  return allStarted && !metered.stop ? reach(metered, 'running', entry.atMs) : metered;
}

function exited(record: TaskRecord, { container: name, exit, atMs }: Of<'container-exited'>): TaskRecord {
  const container = record.containers.find((each) => each.name === name);
  if (!container || !isLive(container)) return record;
  const next = withExit(record, container, exit, atMs);
  if (container.essential) return end(next, ...causeOf(container, exit), atMs);
  const nothingLeft = next.containers.every(({ state }) => state === 'exited');
  return nothingLeft ? end(next, 'EssentialContainerExited', 'Every container has ended.', atMs) : next;
}

function causeOf({ name }: ContainerRecord, exit: ExitFacts): [StopCode, string] {
  if (exit.runtimeFailure !== null) return ['RuntimeFailed', `Container ${name}: ${exit.runtimeFailure}`];
  if (exit.oomKilled) return ['OutOfMemory', `Container ${name} was killed at its memory limit.`];
  const how = exit.signal ? `was ended by ${exit.signal}` : `exited with code ${exit.exitCode}`;
  return ['EssentialContainerExited', `Essential container ${name} ${how}.`];
}

/** The times are put in order: an end is never before its start, nor inside usage that is closed already. */
function withExit(record: TaskRecord, container: ContainerRecord, exit: ExitFacts, atMs: number): TaskRecord {
  // Not seen to start, yet it ended: the agent was away from just before its start.
  const startedAtMs = container.startedAtMs ?? container.startingAtMs ?? atMs;
  const usage = openUsage(record.usage, startedAtMs);
  const ended: ContainerRecord = {
    ...container,
    state: 'exited',
    startedAtMs,
    finishedAtMs: Math.max(atMs, startedAtMs, usage.openFromMs ?? startedAtMs),
    exitCode: exit.exitCode,
    signal: exit.signal,
    reason: exit.runtimeFailure ?? (exit.oomKilled ? 'OutOfMemory' : null),
  };
  return { ...record, usage, containers: record.containers.map((each) => (each.name === container.name ? ended : each)) };
}

function endAll(record: TaskRecord, atMs: number, reason: string | null): TaskRecord {
  const exit = { exitCode: null, signal: null, oomKilled: false, runtimeFailure: reason };
  return record.containers.filter(isLive).reduce((next, container) => withExit(next, container, exit, atMs), record);
}

function end(record: TaskRecord, code: StopCode, reason: string, atMs: number): TaskRecord {
  return record.stop ? record : reach({ ...record, stop: { code, reason } }, 'stopping', atMs);
}

/** It stopped when its last container did, and not when the last of it was swept up. */
function cleaned(record: TaskRecord, atMs: number): TaskRecord {
  const ends = record.containers.flatMap(({ finishedAtMs }) => finishedAtMs ?? []);
  const stop = record.stop ?? { code: 'RuntimeFailed' as const, reason: 'It was removed from the host.' };
  return reach({ ...record, stop }, 'stopped', ends.length > 0 ? Math.max(...ends) : atMs);
}

function reach(record: TaskRecord, state: ReportedState, atMs: number): TaskRecord {
  if (stateRank(state) <= stateRank(record.state)) return record;
  const notBefore = Math.max(atMs, ...Object.values(record.reachedAtMs));
  return { ...record, state, reachedAtMs: { ...record.reachedAtMs, [state]: notBefore } };
}

function settleUsage(record: TaskRecord): Applied {
  if (!record.stop || record.usage.openFromMs === null || record.containers.some(isLive)) return { record, closed: [] };
  const ends = record.containers.flatMap(({ finishedAtMs }) => finishedAtMs ?? []);
  const { meter, closed } = closeUsage(record.usage, Math.max(...ends));
  return { record: { ...record, usage: meter }, closed: closed ? [closed] : [] };
}

function withContainer(
  record: TaskRecord,
  name: string,
  expected: ContainerRecord['state'],
  changes: (container: ContainerRecord) => Partial<ContainerRecord>,
): TaskRecord {
  const container = record.containers.find((each) => each.name === name && each.state === expected);
  if (!container) return record;
  const next = { ...container, ...changes(container) };
  return { ...record, containers: record.containers.map((each) => (each === container ? next : each)) };
}

function addTimings(sum: TaskRecord['startTimings'], more: Readonly<Record<string, number>>): Record<string, number> {
  const total = { ...sum };
  for (const [part, ms] of Object.entries(more)) total[part] = Math.round(((total[part] ?? 0) + ms) * 1000) / 1000;
  return total;
}
