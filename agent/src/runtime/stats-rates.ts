// Rates between two looks at a task's counters. Pure.
import type { GroupStats, NetworkStats, StatsSample, TaskStats } from '@berth/contract';
import type { GroupCounters } from './cgroup-counters.js';

/** One look at a task. `null` for the network: it has none, or none yet. */
export interface TaskCounters {
  readonly taskId: TaskStats['taskId'];
  readonly atMs: number;
  readonly task: GroupCounters;
  readonly containers: readonly { readonly name: string; readonly counters: GroupCounters }[];
  readonly network: NetworkStats | null;
}

const nsPerMs = 1_000_000;

/** @param before an earlier look at the same task, or null: then there are no rates. */
export function statsOf(now: TaskCounters, before: TaskCounters | null): TaskStats {
  const elapsedMs = before ? now.atMs - before.atMs : 0;
  const group = (counters: GroupCounters, earlier: GroupCounters | undefined): GroupStats => ({
    ...counters,
    cpu: { ...counters.cpu, percent: earlier ? cpuPercent(counters, earlier, elapsedMs) : null },
  });
  return {
    taskId: now.taskId,
    at: new Date(now.atMs).toISOString(),
    task: group(now.task, before?.task),
    containers: now.containers.map(({ name, counters }) => ({
      name,
      stats: group(counters, before?.containers.find((container) => container.name === name)?.counters),
    })),
    network: now.network,
  };
}

/** @returns null when there is nothing to compare: no time has passed. */
export function sampleOf(now: TaskCounters, before: TaskCounters): StatsSample | null {
  const elapsedMs = now.atMs - before.atMs;
  if (elapsedMs <= 0) return null;
  const perSecond = (after: number | undefined, earlier: number | undefined) =>
    after === undefined || earlier === undefined ? 0 : (grown(after, earlier) * 1000) / elapsedMs;
  const [cpu, cpuBefore] = [now.task.cpu, before.task.cpu];
  const periods = grown(cpu.periods, cpuBefore.periods);
  return {
    at: new Date(now.atMs).toISOString(),
    cpuPercent: cpuPercent(now.task, before.task, elapsedMs) ?? 0,
    throttledPercent: periods === 0 ? 0 : Math.min(100, (100 * grown(cpu.throttledPeriods, cpuBefore.throttledPeriods)) / periods),
    workingSetBytes: now.task.memory.workingSetBytes,
    cacheBytes: now.task.memory.cacheBytes,
    rxBytesPerSecond: perSecond(now.network?.rxBytes, before.network?.rxBytes),
    txBytesPerSecond: perSecond(now.network?.txBytes, before.network?.txBytes),
    readBytesPerSecond: perSecond(now.task.io.readBytes, before.task.io.readBytes),
    writeBytesPerSecond: perSecond(now.task.io.writeBytes, before.task.io.writeBytes),
    pids: now.task.pids.current,
  };
}

/** 100 is one whole CPU. Null when there is nothing to compare. */
function cpuPercent(now: GroupCounters, before: GroupCounters, elapsedMs: number): number | null {
  return elapsedMs <= 0 ? null : (100 * grown(now.cpu.usedNs, before.cpu.usedNs)) / (elapsedMs * nsPerMs);
}

/** A counter that is smaller than before has begun anew: its container was restarted. */
function grown(now: number, before: number): number {
  return now >= before ? now - before : now;
}
