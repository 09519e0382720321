// What wishes about a running task do to its record: size, frozen or not. The interval of usage that is open ends at
// the instant at which the new size held, and the next begins there.
import type { Adjusted, TaskWish } from '@berth/contract';
import type { TaskEntry } from './entries.js';
import type { TaskRecord } from './state.js';
import type { Applied } from './task-record.js';
import { cutUsage } from './usage.js';

type AdjustEntry = Extract<TaskEntry, { kind: 'adjust-wanted' | 'adjusted' | 'thawed' }>;

export function isAdjustEntry(entry: TaskEntry): entry is AdjustEntry {
  return entry.kind === 'adjust-wanted' || entry.kind === 'adjusted' || entry.kind === 'thawed';
}

/** @returns the same record when the entry changes nothing. */
export function applyAdjustment(record: TaskRecord, entry: AdjustEntry): Applied {
  switch (entry.kind) {
    case 'adjust-wanted':
      return { record: isNews(record, entry.wish) ? { ...record, wish: entry.wish } : record, closed: null };
    case 'adjusted':
      return settle(record, entry.adjusted, entry.atMs);
    case 'thawed':
      return record.adjusted?.frozen ? settle(record, { ...record.adjusted, frozen: false }, entry.atMs) : { record, closed: null };
    default:
      return entry satisfies never;
  }
}

/** The wish that was not answered yet. None of a task that is to stop: there is nothing to adjust any more. */
export function openWish({ wish, adjusted, stop, state }: TaskRecord): TaskWish | null {
  return wish && !stop && state === 'running' && wish.version > (adjusted?.version ?? 0) ? wish : null;
}

export function isFrozen({ adjusted }: TaskRecord): boolean {
  return adjusted?.frozen ?? false;
}

function isNews(record: TaskRecord, wish: TaskWish): boolean {
  return !record.stop && wish.version > Math.max(record.wish?.version ?? 0, record.adjusted?.version ?? 0);
}

function settle(record: TaskRecord, adjusted: Adjusted, atMs: number): Applied {
  const { spec } = record;
  if (!spec) return { record, closed: null };
  const { cpuMillis, memoryMiB, frozen } = adjusted;
  const isSame = spec.cpuMillis === cpuMillis && spec.memoryMiB === memoryMiB && isFrozen(record) === frozen;
  const { meter, closed } = isSame ? { meter: record.usage, closed: null } : cutUsage(record.usage, atMs);
  const next = { ...record, version: record.version + 1, adjusted, spec: { ...spec, cpuMillis, memoryMiB }, usage: meter };
  return { record: next, closed };
}
