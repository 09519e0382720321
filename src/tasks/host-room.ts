// Whether a task's host has room for the size that it is to have. Pure.
export interface Size {
  readonly cpuMillis: number;
  readonly memoryMiB: number;
}

export interface HostRoom {
  readonly capacity: Size;
  /** What the tasks beside this one hold. */
  readonly usedByOthers: Size;
}

export interface Shortage {
  readonly field: keyof Size;
  readonly unit: string;
  readonly wanted: number;
  readonly free: number;
  readonly used: number;
  readonly capacity: number;
}

const units = { cpuMillis: 'CPU millis', memoryMiB: 'MiB' } as const satisfies Record<keyof Size, string>;

/**
 * @param holds what the task holds now: it may always have less, also on a host that is too full.
 * @returns the first thing that is short, or null.
 */
export function shortageOf({ capacity, usedByOthers }: HostRoom, holds: Size, wanted: Size): Shortage | null {
  for (const field of ['cpuMillis', 'memoryMiB'] as const) {
    const free = Math.max(0, capacity[field] - usedByOthers[field]);
    if (wanted[field] <= holds[field] || wanted[field] <= free) continue;
    return { field, unit: units[field], wanted: wanted[field], free, used: usedByOthers[field], capacity: capacity[field] };
  }
  return null;
}
