// What tasks have sent out of the host, by the firewall's counters.
import type { TaskId } from '@berth/contract';
import type { Network } from './network.js';
import { counterOf } from './nft-rules.js';

export interface EgressCounters {
  /** See Runtime.egressBytes. */
  read(taskIds: readonly TaskId[]): ReadonlyMap<TaskId, number>;
  forget(taskId: TaskId): void;
}

export function egressCounters(
  { sentBytes }: Pick<Network, 'sentBytes'>,
  log: { warn(fields: object, message: string): void },
): EgressCounters {
  const lastRead = new Map<TaskId, number>();
  return {
    read: (taskIds) => {
      try {
        const counted = sentBytes(taskIds.map(counterOf));
        const more = taskIds.flatMap((taskId) => {
          const bytes = counted.get(counterOf(taskId));
          return bytes === undefined || bytes === (lastRead.get(taskId) ?? 0) ? [] : [[taskId, bytes] as const];
        });
        for (const [taskId, bytes] of more) lastRead.set(taskId, bytes);
        return new Map(more);
      } catch (error) {
        log.warn({ err: error }, 'what tasks have sent could not be read; it is counted on, and read another time');
        return new Map();
      }
    },
    forget: (taskId) => lastRead.delete(taskId),
  };
}
