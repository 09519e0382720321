// What is wished of a running task: the next wish from those before it, and whether the newest one holds. Pure.
import { type Adjusted, isTerminal, type PendingAdjustment, type TaskState, type TaskWish } from '@berth/contract';

export type Wish = Omit<TaskWish, 'version'>;

/** A task's row as far as wishes go. */
export interface Adjustable {
  readonly state: TaskState;
  readonly cpu_millis: number;
  readonly memory_mib: number;
  readonly wish: Wish | null;
  readonly wish_version: number;
  readonly adjusted: Adjusted | null;
}

/** What the task is to be. A wish that was refused counts for nothing: then it is what it has. */
export function wishOf(row: Adjustable): Wish {
  const { adjusted } = row;
  const refused = adjusted !== null && adjusted.version >= row.wish_version && adjusted.refusal !== null;
  if (row.wish && !refused) return row.wish;
  return {
    cpuMillis: adjusted?.cpuMillis ?? row.cpu_millis,
    memoryMiB: adjusted?.memoryMiB ?? row.memory_mib,
    frozen: adjusted?.frozen ?? false,
  };
}

/** @returns null when the newest wish asks for that already. */
export function nextWish(row: Adjustable, change: Partial<Wish>): Wish | null {
  const now = wishOf(row);
  const next = {
    cpuMillis: change.cpuMillis ?? now.cpuMillis,
    memoryMiB: change.memoryMiB ?? now.memoryMiB,
    frozen: change.frozen ?? now.frozen,
  };
  return next.cpuMillis === now.cpuMillis && next.memoryMiB === now.memoryMiB && next.frozen === now.frozen ? null : next;
}

/** What was wished and does not hold. Null when all is as it was asked for, or the task has ended. */
export function adjustmentOf(row: Adjustable): PendingAdjustment | null {
  const { wish, adjusted } = row;
  if (!wish || isTerminal(row.state)) return null;
  const answered = adjusted !== null && adjusted.version >= row.wish_version;
  if (answered && adjusted.refusal === null) return null;
  return { ...wish, state: answered ? 'refused' : 'pending', reason: answered ? adjusted.refusal : null };
}
