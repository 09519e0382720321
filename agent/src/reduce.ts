// What each journal entry means. Deterministic, without clock and I/O: replaying a journal gives the state that the
// agent had. The maps are large, so the state is changed in place; the records in it are replaced. An entry that
// makes no sense any more (its task is unknown, its container has ended) changes nothing.
import type { TaskId } from '@berth/contract';
import { isFrozen } from './adjust-record.js';
import type { Entry, TaskEntry } from './entries.js';
import { toInstant } from './instant.js';
import { toReport } from './report.js';
import { type AgentState, type TaskRecord, tombstoneRetentionMs } from './state.js';
import { applyToRecord, declinedRecord, newRecord } from './task-record.js';
import type { UsageInterval } from './usage.js';

/** More than the changes that can have been told and then lost with an unsynced tail of the journal. */
const versionsLostAtMost = 1000;

export function applyEntry(state: AgentState, entry: Entry): void {
  if ('atMs' in entry && entry.kind !== 'rebooted') state.aliveAtMs = Math.max(state.aliveAtMs, entry.atMs);
  switch (entry.kind) {
    case 'anchored':
      state.anchor = entry.anchor;
      state.aliveAtMs = entry.anchor.wallMs;
      return;
    case 'alive':
      return;
    case 'epoch':
      state.epoch = Math.max(state.epoch, entry.epoch);
      return;
    case 'resumed':
      for (const record of state.tasks.values())
        state.tasks.set(record.taskId, { ...record, version: record.version + versionsLostAtMost });
      return;
    case 'acked':
      for (const [taskId, version] of entry.reports) acknowledgeReport(state, taskId, version);
      for (const [taskId, sequence] of entry.usage) acknowledgeUsage(state, taskId, sequence);
      for (const taskId of new Set([...entry.reports, ...entry.usage].map(([id]) => id))) buryIfSettled(state, taskId, entry.atMs);
      return;
    case 'record':
      state.tasks.set(entry.record.taskId, entry.record);
      return;
    case 'tombstone':
      state.tombstones.set(entry.taskId, entry.tombstone);
      return;
    default:
      applyTaskEntry(state, entry);
  }
}

/** The entries that say the whole state in the fewest words. */
export function compacted({ anchor, aliveAtMs, epoch, tasks, tombstones }: AgentState): Entry[] {
  return [
    ...(anchor ? [{ kind: 'anchored', anchor } as const] : []),
    { kind: 'alive', atMs: aliveAtMs },
    { kind: 'epoch', epoch },
    ...[...tasks.values()].map((record) => ({ kind: 'record', record }) as const),
    ...[...tombstones].map(([taskId, tombstone]) => ({ kind: 'tombstone', taskId, tombstone }) as const),
  ];
}

/** Drops tombstones older than their retention. Not an entry: forgetting late does no harm. */
export function forgetOldTombstones(state: AgentState, nowMs: number): void {
  for (const [taskId, tombstone] of state.tombstones) {
    if (tombstone.endedAtMs + tombstoneRetentionMs < nowMs) state.tombstones.delete(taskId);
  }
}

function applyTaskEntry(state: AgentState, entry: TaskEntry): void {
  const record = state.tasks.get(entry.taskId);
  if (entry.kind === 'accepted' || entry.kind === 'declined') {
    if (record || state.tombstones.has(entry.taskId)) return;
    state.tasks.set(entry.taskId, entry.kind === 'accepted' ? newRecord(entry.spec, entry.atMs) : declinedRecord(entry));
    return;
  }
  if (!record || record.state === 'stopped') return;
  const { record: next, closed } = applyToRecord(record, entry);
  if (next === record) return;
  state.tasks.set(entry.taskId, closed ? withUsage(next, record, closed) : next);
}

/** @param held as it was in the interval */
function withUsage(record: TaskRecord, held: TaskRecord, { sequence, startedAtMs, endedAtMs, pull }: UsageInterval): TaskRecord {
  const { cpuMillis = 0, memoryMiB = 0 } = held.spec ?? {};
  const egressBytes = pull ? 0 : (record.egress?.openBytes ?? 0);
  const usage = {
    taskId: record.taskId,
    sequence,
    startedAt: toInstant(startedAtMs),
    endedAt: toInstant(endedAtMs),
    cpuMillis,
    memoryMiB,
    ...(isFrozen(held) && { frozen: true }),
    ...(egressBytes > 0 && { egressBytes }),
    ...(pull && { pull }),
  };
  const told = egressBytes > 0 && record.egress ? { egress: { ...record.egress, openBytes: 0 } } : {};
  return { ...record, ...told, unackedUsage: [...record.unackedUsage, usage] };
}

function acknowledgeReport(state: AgentState, taskId: TaskId, version: number): void {
  const record = state.tasks.get(taskId);
  if (record && version > record.ackedVersion) state.tasks.set(taskId, { ...record, ackedVersion: version });
}

function acknowledgeUsage(state: AgentState, taskId: TaskId, sequence: number): void {
  const record = state.tasks.get(taskId);
  if (!record) return;
  const unackedUsage = record.unackedUsage.filter((usage) => usage.sequence > sequence);
  state.tasks.set(taskId, { ...record, unackedUsage });
}

function isSettled(record: TaskRecord): boolean {
  return record.state === 'stopped' && record.ackedVersion >= record.version && record.unackedUsage.length === 0;
}

function buryIfSettled(state: AgentState, taskId: TaskId, atMs: number): void {
  const record = state.tasks.get(taskId);
  if (!record || !isSettled(record)) return;
  state.tasks.delete(taskId);
  state.tombstones.set(taskId, { endedAtMs: atMs, report: toReport(record) });
}
