// Whether the host can hold one task more. The scheduler has decided that already, but from its view of the host; the
// host has the last word.
import type { Capacity, TaskSpec } from '@berth/contract';
import type { AgentState } from './state.js';

/** What tasks hold that have not been cleaned up. */
export function committed(state: AgentState): Capacity {
  let cpuMillis = 0;
  let memoryMiB = 0;
  let taskSlots = 0;
  for (const { state: taskState, spec } of state.tasks.values()) {
    if (taskState === 'stopped' || !spec) continue;
    cpuMillis += spec.cpuMillis;
    memoryMiB += spec.memoryMiB;
    taskSlots += 1;
  }
  return { cpuMillis, memoryMiB, taskSlots };
}

export function withTask(held: Capacity, { cpuMillis, memoryMiB }: Pick<TaskSpec, 'cpuMillis' | 'memoryMiB'>): Capacity {
  return { cpuMillis: held.cpuMillis + cpuMillis, memoryMiB: held.memoryMiB + memoryMiB, taskSlots: held.taskSlots + 1 };
}

/** @returns why it can't be taken, in words, or null. */
export function refusal(spec: Pick<TaskSpec, 'cpuMillis' | 'memoryMiB'>, held: Capacity, capacity: Capacity): string | null {
  const after = withTask(held, spec);
  if (after.taskSlots > capacity.taskSlots) return `The host has all of its ${capacity.taskSlots} task slots taken.`;
  if (after.cpuMillis > capacity.cpuMillis) {
    return `The task needs ${spec.cpuMillis} CPU millis; the host has ${Math.max(0, capacity.cpuMillis - held.cpuMillis)} of ${capacity.cpuMillis} free.`;
  }
  if (after.memoryMiB > capacity.memoryMiB) {
    return `The task needs ${spec.memoryMiB} MiB; the host has ${Math.max(0, capacity.memoryMiB - held.memoryMiB)} of ${capacity.memoryMiB} free.`;
  }
  return null;
}
