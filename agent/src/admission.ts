// Whether the host can hold one task more. The scheduler has decided that already, but from its view of the host; the
// host has the last word.
import { type Capacity, ephemeralStorageOf, type TaskSpec } from '@berth/contract';
import type { AgentState } from './state.js';

/** What tasks hold that have not been cleaned up. @param volumesMiB of the persistent volumes, which hold theirs without a task. */
export function committed(state: AgentState, volumesMiB = 0): Capacity {
  let cpuMillis = 0;
  let memoryMiB = 0;
  let taskSlots = 0;
  let diskMiB = volumesMiB;
  for (const { state: taskState, spec } of state.tasks.values()) {
    if (taskState === 'stopped' || !spec) continue;
    cpuMillis += spec.cpuMillis;
    memoryMiB += spec.memoryMiB;
    taskSlots += 1;
    diskMiB += ephemeralStorageOf(spec);
  }
  return { cpuMillis, memoryMiB, taskSlots, diskMiB };
}

type Needs = Pick<TaskSpec, 'cpuMillis' | 'memoryMiB' | 'ephemeralStorageMiB' | 'gpus'>;

export function withTask(held: Capacity, spec: Needs): Capacity {
  return {
    cpuMillis: held.cpuMillis + spec.cpuMillis,
    memoryMiB: held.memoryMiB + spec.memoryMiB,
    taskSlots: held.taskSlots + 1,
    diskMiB: (held.diskMiB ?? 0) + ephemeralStorageOf(spec),
  };
}

/** @returns why it can't be taken, in words, or null. */
export function refusal(spec: Needs, held: Capacity, capacity: Capacity): string | null {
  // Its devices would need the driver's libraries beside them: better no task than one that looks for its GPU in vain.
  if (spec.gpus) return `The task needs ${spec.gpus === 1 ? 'a GPU' : `${spec.gpus} GPUs`}, and agents do not hand GPUs to containers yet.`;
  const after = withTask(held, spec);
  if (after.taskSlots > capacity.taskSlots) return `The host has all of its ${capacity.taskSlots} task slots taken.`;
  if (after.cpuMillis > capacity.cpuMillis) {
    return `The task needs ${spec.cpuMillis} CPU millis; the host has ${Math.max(0, capacity.cpuMillis - held.cpuMillis)} of ${capacity.cpuMillis} free.`;
  }
  if (after.memoryMiB > capacity.memoryMiB) {
    return `The task needs ${spec.memoryMiB} MiB; the host has ${Math.max(0, capacity.memoryMiB - held.memoryMiB)} of ${capacity.memoryMiB} free.`;
  }
  const { diskMiB } = capacity;
  if (diskMiB !== undefined && (after.diskMiB ?? 0) > diskMiB) {
    return `The task needs ${ephemeralStorageOf(spec)} MiB of disk; the host has ${Math.max(0, diskMiB - (held.diskMiB ?? 0))} of ${diskMiB} free.`;
  }
  return null;
}
