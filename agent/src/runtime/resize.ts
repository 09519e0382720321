// New limits for a running task. Memory comes first, because only that can be refused: the kernel does not take away
// what is in use, and version 2 would kill for it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { TaskSpec } from '@berth/contract';
import type { Cgroups } from './cgroup.js';
import { countersOf } from './cgroup-counters.js';
import { AdjustRefusedError } from './runtime.js';

const bytesPerMiB = 1024 * 1024;
const reclaimTries = 40;
const reclaimPauseMs = 50;

/** @throws AdjustRefusedError when the memory in use is more than it would have; nothing has changed then. */
export async function resizeGroup(groups: Cgroups, group: string, { cpuMillis, memoryMiB, cpuBurst }: TaskSpec): Promise<void> {
  const { memory } = countersOf(groups.version, (controller, file) => groups.read(controller, group, file));
  const bytes = memoryMiB * bytesPerMiB;
  if (memory.limitBytes !== null && bytes < memory.limitBytes) {
    if (memory.workingSetBytes > bytes) throw inUse(memory.workingSetBytes, memoryMiB);
    await (groups.version === 'v1' ? shrinkV1 : shrinkV2)(groups, group, memoryMiB);
  } else if (memory.limitBytes !== bytes) {
    grow(groups, group, memoryMiB);
  }
  groups.limit(group, { cpuMillis, memoryMiB: null, pids: null, cpuBurst });
}

/** In v1 the limit with swap is never below the one without. */
function grow(groups: Cgroups, group: string, memoryMiB: number): void {
  const withSwap = 'memory.memsw.limit_in_bytes';
  if (groups.version === 'v1' && groups.read('memory', group, withSwap) !== '')
    groups.write('memory', group, withSwap, String(memoryMiB * bytesPerMiB));
  groups.limit(group, { cpuMillis: null, memoryMiB, pids: null });
}

/** The kernel gives back what file pages it can, and says EBUSY if that is not enough. */
async function shrinkV1(groups: Cgroups, group: string, memoryMiB: number): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      groups.limit(group, { cpuMillis: null, memoryMiB, pids: null });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
      if (attempt >= reclaimTries) throw inUse(usage(groups, group), memoryMiB);
      await sleep(reclaimPauseMs);
    }
  }
}

/** A `memory.max` below what is in use kills; `memory.high` makes the kernel give back what it can, and kills nobody. */
async function shrinkV2(groups: Cgroups, group: string, memoryMiB: number): Promise<void> {
  const bytes = memoryMiB * bytesPerMiB;
  groups.write('memory', group, 'memory.high', String(bytes));
  try {
    for (let attempt = 0; usage(groups, group) > bytes; attempt++) {
      if (attempt >= reclaimTries) throw inUse(usage(groups, group), memoryMiB);
      await sleep(reclaimPauseMs);
    }
    groups.limit(group, { cpuMillis: null, memoryMiB, pids: null });
  } finally {
    groups.write('memory', group, 'memory.high', 'max');
  }
}

function usage(groups: Cgroups, group: string): number {
  return countersOf(groups.version, (controller, file) => groups.read(controller, group, file)).memory.usageBytes;
}

function inUse(bytes: number, memoryMiB: number): AdjustRefusedError {
  return new AdjustRefusedError(`The task uses ${Math.ceil(bytes / bytesPerMiB)} MiB of memory at the moment, more than ${memoryMiB} MiB.`);
}
