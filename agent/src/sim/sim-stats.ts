// What a simulated task uses: each container that runs a tenth of a CPU and 8 MiB. Pure.
import type { TaskId } from '@berth/contract';
import type { GroupCounters } from '../runtime/cgroup-counters.js';
import type { TaskCounters } from '../runtime/stats-rates.js';
import type { SimContainer } from './sim-machine.js';

const nsPerMs = 1_000_000;
const share = 0.1;
const mib = 1024 * 1024;
/** What each container that runs holds. */
export const simMemoryMiB = 8;
const bytes = simMemoryMiB * mib;

export function simCounters(taskId: TaskId, containers: readonly SimContainer[], nowMs: number): TaskCounters | null {
  if (containers.length === 0) return null;
  const each = containers.map(({ name, startedAtMs, exit }) => ({
    name,
    counters: counters((exit?.finishedAtMs ?? nowMs) - startedAtMs, exit ? 0 : 1),
  }));
  const usedMs = containers.reduce((sum, { startedAtMs, exit }) => sum + ((exit?.finishedAtMs ?? nowMs) - startedAtMs), 0);
  const running = containers.filter(({ exit }) => exit === null).length;
  return { taskId, atMs: nowMs, task: counters(usedMs, running), containers: each, network: null };
}

/** What they have sent to the outside so far. */
export function simEgressBytes(containers: readonly SimContainer[], nowMs: number): number {
  return containers.reduce((sum, { behaviour, startedAtMs, exit }) => {
    const perSecond = behaviour.kind === 'send' ? behaviour.bytesPerSecond : 0;
    return sum + Math.floor((Math.max(0, (exit?.finishedAtMs ?? nowMs) - startedAtMs) * perSecond) / 1000);
  }, 0);
}

function counters(ranMs: number, processes: number): GroupCounters {
  return {
    cpu: { usedNs: Math.max(0, ranMs) * share * nsPerMs, periods: 0, throttledPeriods: 0, throttledNs: 0 },
    memory: { workingSetBytes: processes * bytes, usageBytes: processes * bytes, cacheBytes: 0, limitBytes: null, oomKills: 0 },
    io: { readBytes: 0, writeBytes: 0, readOps: 0, writeOps: 0 },
    pids: { current: processes, limit: null },
    pressure: null,
  };
}
