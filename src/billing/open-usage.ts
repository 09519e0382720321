// The part of a running task that no record covers yet: what makes its cost grow between two records.
import { isTerminal, type TaskState } from '@berth/contract';

interface Metered {
  readonly state: TaskState;
  readonly startedAtMs: number | null;
  readonly lastSeenAtMs: number | null;
}

export interface Span {
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * From the last record's end, or the start, to now. While the host is out of touch only to when it was last seen:
 * nobody knows whether the task still runs. An estimate by the control plane's clock, replaced by the agent's records.
 * @returns null when nothing is open.
 */
export function openInterval(task: Metered, recordedUntilMs: number | null, nowMs: number): Span | null {
  const startMs = recordedUntilMs ?? task.startedAtMs;
  if (isTerminal(task.state) || startMs === null) return null;
  const endMs = Math.min(nowMs, task.lastSeenAtMs ?? nowMs);
  return endMs > startMs ? { startMs, endMs } : null;
}
