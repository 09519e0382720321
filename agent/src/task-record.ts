// The life of one task at the agent: what each entry does to its record. A task only moves forward, its times never
// go backwards, and the first cause of its end is the one that counts.
import { placementLimits, type StopCode, stateRank, type TaskSpec } from '@berth/contract';
import { applyAdjustment, isAdjustEntry } from './adjust-record.js';
import {
  beginAttempt,
  dropNextAttempt,
  endAttempt,
  newContainer,
  toNextAttempt,
  undoAttempt,
  wasEndedAsUnhealthy,
} from './container-record.js';
import type { ExitFacts, TaskEntry } from './entries.js';
import { type ContainerRecord, hasStarted, isLive, type ReportedState, type TaskRecord } from './state.js';
import { closeUsage, cutUsage, endUsage, newMeter, openUsage, pullUsage, type UsageInterval } from './usage.js';

type LiveEntry = Exclude<TaskEntry, { kind: 'accepted' | 'declined' }>;
type Of<K extends LiveEntry['kind']> = Extract<LiveEntry, { kind: K }>;

export interface Applied {
  readonly record: TaskRecord;
  readonly closed: UsageInterval | null;
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
    containers: spec.containers.map(newContainer),
    startTimings: null,
    ranFromMs: null,
    protection: null,
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
    ranFromMs: null,
    protection: null,
    usage: newMeter,
    unackedUsage: [],
  };
}

/** @returns the same record when the entry changes nothing. */
export function applyToRecord(record: TaskRecord, entry: LiveEntry): Applied {
  if (entry.kind === 'usage-cut') {
    const { meter, closed } = cutUsage(record.usage, entry.atMs);
    return closed ? { record: { ...record, usage: meter }, closed } : { record, closed: null };
  }
  if (entry.kind === 'egress-read') return { record: withEgress(record, entry.bytes), closed: null };
  if (isAdjustEntry(entry)) return applyAdjustment(record, entry);
  const changed = change(record, entry);
  if (changed === record) return { record, closed: null };
  const told = entry.kind === 'stop-sent' || entry.kind === 'container-cleared' ? record.version : record.version + 1;
  const next = { ...changed, version: told };
  return entry.kind === 'prepared' ? withPull(next, entry) : settleUsage(record, next, entry.atMs);
}

function change(
  record: TaskRecord,
  entry: Exclude<LiveEntry, { kind: 'usage-cut' | 'egress-read' | 'adjust-wanted' | 'adjusted' | 'thawed' }>,
): TaskRecord {
  switch (entry.kind) {
    case 'preparing':
      return reach(record, 'starting', entry.atMs);
    case 'prepared':
      return {
        ...record,
        address: entry.address,
        ...(entry.ports && { ports: entry.ports }),
        startTimings: addTimings(record.startTimings, entry.timings),
      };
    case 'stop-wanted':
      return end(entry.code === 'SpotInterruption' ? withNotice(record) : record, entry.code, entry.reason, entry.atMs);
    case 'start-failed':
      return end(record, entry.code, entry.reason, entry.atMs);
    case 'container-starting':
      return withContainer(record, entry.container, 'waiting', (container) => beginAttempt(container, entry.attempt ?? 1, entry.atMs));
    case 'container-absent':
      return absent(record, entry.container);
    case 'container-started':
      return started(record, entry);
    case 'container-exited':
      return exited(record, entry);
    case 'container-cleared':
      return withContainer(record, entry.container, 'waiting', () => ({ cleared: true }));
    case 'container-health':
      return health(record, entry);
    case 'protection-set':
      return { ...record, protection: { setAtMs: entry.atMs, untilMs: entry.untilMs } };
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

/** A task that is to stop makes no further attempt. */
function absent(record: TaskRecord, name: string): TaskRecord {
  const next = withContainer(record, name, 'starting', undoAttempt);
  return record.stop ? { ...next, containers: next.containers.map(dropNextAttempt) } : next;
}

function started(record: TaskRecord, entry: Of<'container-started'>): TaskRecord {
  const next = withContainer(record, entry.container, 'starting', () => ({ state: 'running', startedAtMs: entry.atMs }));
  if (next === record) return record;
  const metered = { ...ranFrom(next, entry.atMs), startTimings: addTimings(next.startTimings, entry.timings) };
  const allStarted = metered.containers.every(hasStarted);
  return allStarted && !metered.stop ? reach(metered, 'running', entry.atMs) : metered;
}

function exited(record: TaskRecord, { container: name, exit, atMs }: Of<'container-exited'>): TaskRecord {
  const container = record.containers.find((each) => each.name === name);
  if (!container || !isLive(container)) return record;
  const next = withExit(record, container, exit, atMs);
  const again = record.stop ? null : nextAttemptOf(next, name);
  if (again) return again;
  if (container.essential) return end(next, ...causeOf(container, exit), atMs);
  const nothingLeft = next.containers.every(({ state }) => state === 'exited');
  return nothingLeft ? end(next, 'EssentialContainerExited', 'Every container has ended.', atMs) : next;
}

function nextAttemptOf(record: TaskRecord, name: string): TaskRecord | null {
  const ended = record.containers.find((each) => each.name === name);
  const spec = record.spec?.containers.find((each) => each.name === name);
  const next = ended && toNextAttempt(ended, spec);
  return next ? { ...record, containers: record.containers.map((each) => (each === ended ? next : each)) } : null;
}

function health(record: TaskRecord, { container: name, attempt, health, reason }: Of<'container-health'>): TaskRecord {
  return withContainer(record, name, 'running', (container) => (container.attempt === attempt ? { health, healthReason: reason } : {}));
}

function causeOf(container: ContainerRecord, exit: ExitFacts): [StopCode, string] {
  const { name, healthReason } = container;
  if (wasEndedAsUnhealthy(container)) {
    return [
      'ContainerUnhealthy',
      `Essential container ${name} is unhealthy (${healthReason ?? 'its check failed'}) and is not started again.`,
    ];
  }
  if (exit.runtimeFailure !== null) return ['RuntimeFailed', `Container ${name}: ${exit.runtimeFailure}`];
  if (exit.oomKilled) return ['OutOfMemory', `Container ${name} was killed at its memory limit.`];
  const how = exit.signal ? `was ended by ${exit.signal}` : `exited with code ${exit.exitCode}`;
  return ['EssentialContainerExited', `Essential container ${name} ${how}.`];
}

/** The times are put in order: an end is never before its start, nor inside usage that is closed already. */
function withExit(record: TaskRecord, container: ContainerRecord, exit: ExitFacts, atMs: number): TaskRecord {
  // Not seen to start, yet it ended: the agent was away from just before its start.
  const startedAtMs = container.startedAtMs ?? container.startingAtMs ?? atMs;
  const ran = ranFrom(record, startedAtMs);
  const finishedAtMs = Math.max(atMs, startedAtMs, ran.usage.openFromMs ?? startedAtMs);
  const ended = endAttempt(container, exit, startedAtMs, finishedAtMs);
  return { ...ran, containers: record.containers.map((each) => (each.name === container.name ? ended : each)) };
}

/** The first process begins what is billed. */
function ranFrom(record: TaskRecord, atMs: number): TaskRecord {
  return { ...record, usage: openUsage(record.usage, atMs), ranFromMs: Math.min(record.ranFromMs ?? atMs, atMs) };
}

function endAll(record: TaskRecord, atMs: number, reason: string | null): TaskRecord {
  const exit = { exitCode: null, signal: null, oomKilled: false, runtimeFailure: reason };
  return record.containers.filter(isLive).reduce((next, container) => withExit(next, container, exit, atMs), record);
}

/** Its stop signal is the notice: it has that long to end by itself, also if its definition asks for less. */
function withNotice(record: TaskRecord): TaskRecord {
  const noticeMs = placementLimits.noticeSeconds * 1000;
  const containers = record.containers.map((each) => ({ ...each, stopTimeoutMs: Math.max(each.stopTimeoutMs, noticeMs) }));
  return record.stop ? record : { ...record, containers };
}

function end(record: TaskRecord, code: StopCode, reason: string, atMs: number): TaskRecord {
  if (record.stop) return record;
  return reach({ ...record, stop: { code, reason }, containers: record.containers.map(dropNextAttempt) }, 'stopping', atMs);
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

/**
 * It held its resources until its last process ended; one that is stopped between two attempts, until then. Its last interval
 * is told when nothing of it is left on the host.
 */
function settleUsage(before: TaskRecord, record: TaskRecord, atMs: number): Applied {
  if (!record.stop || record.usage.openFromMs === null || record.containers.some(isLive)) return { record, closed: null };
  const ends = record.containers.flatMap(({ finishedAtMs }) => finishedAtMs ?? []);
  const nothingRan = !before.stop && !before.containers.some(isLive);
  const ended = endUsage(record.usage, nothingRan ? Math.max(atMs, ...ends) : Math.max(...ends));
  const { meter, closed } = record.state === 'stopped' ? closeUsage(ended) : { meter: ended, closed: null };
  return { record: { ...record, usage: meter }, closed };
}

function withPull(record: TaskRecord, { pulled }: Of<'prepared'>): Applied {
  if (!pulled) return { record, closed: null };
  const { meter, closed } = pullUsage(record.usage, pulled.fromMs, pulled.untilMs);
  return { record: { ...record, usage: meter }, closed };
}

/** A counter that is smaller than before has begun anew. */
function withEgress(record: TaskRecord, bytes: number): TaskRecord {
  const { counterBytes, openBytes } = record.egress ?? { counterBytes: 0, openBytes: 0 };
  const grown = bytes >= counterBytes ? bytes - counterBytes : bytes;
  return bytes === counterBytes ? record : { ...record, egress: { counterBytes: bytes, openBytes: openBytes + grown } };
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
