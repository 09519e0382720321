// Why a task that leaves its host is stopped, in words for its owner.
import type { LeavingTask } from './next-evictions.js';

type Leaver = Pick<LeavingTask, 'onHostDrain' | 'deadlineMs' | 'eviction'> & { readonly hostName: string };

export function stopReason({ hostName, onHostDrain, deadlineMs, eviction }: Leaver, stopCode: 'Replaced' | 'HostDrained'): string {
  if (stopCode === 'HostDrained') {
    const by = deadlineMs === null ? '' : ` by ${new Date(deadlineMs).toISOString()}`;
    return `Host ${hostName} had to be empty${by}, and the task was still on it.`;
  }
  if (onHostDrain === 'restart') return `Host ${hostName} is being drained: another task takes its place.`;
  return `Host ${hostName} is being drained: task ${eviction?.replacement?.id ?? ''} has taken its place.`;
}
