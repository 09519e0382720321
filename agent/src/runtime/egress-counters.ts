// What tasks have sent out of the host, by the firewall's counters. Those are read all at once, which is spared for tasks whose
// cable has carried nothing since.
import type { TaskId } from '@berth/contract';
import { networkIn } from './cgroup-counters.js';
import type { Network } from './network.js';
import { counterOf } from './nft-rules.js';
import type { Paths } from './paths.js';
import { readOrEmpty, readRecord, type SandboxRecord } from './records.js';

export interface EgressCounters {
  /** See Runtime.egressBytes. */
  read(taskIds: readonly TaskId[]): ReadonlyMap<TaskId, number>;
  forget(taskId: TaskId): void;
}

export function egressCounters(
  paths: Paths,
  { sentBytes }: Pick<Network, 'sentBytes'>,
  log: { warn(fields: object, message: string): void },
): EgressCounters {
  /** What each cable had carried when its counter was last read. */
  const carriedBytes = new Map<TaskId, number | undefined>();

  const moved = (taskIds: readonly TaskId[]) => {
    const devices = readOrEmpty('/proc/net/dev');
    return taskIds.flatMap((taskId) => {
      const sandbox = readRecord<SandboxRecord>(paths.task(taskId).sandbox);
      if (!sandbox) return [];
      // Of a cable that is gone nobody knows.
      const carried = networkIn(devices, paths.slot(sandbox.slot).veth)?.rx[0];
      return carried === 0 || (carried !== undefined && carried === carriedBytes.get(taskId)) ? [] : [{ taskId, carried }];
    });
  };

  return {
    read: (taskIds) => {
      const asked = moved(taskIds);
      if (asked.length === 0) return new Map();
      try {
        const counted = sentBytes();
        for (const { taskId, carried } of asked) carriedBytes.set(taskId, carried);
        return new Map(
          asked.flatMap(({ taskId }) => {
            const bytes = counted.get(counterOf(taskId));
            return bytes === undefined ? [] : [[taskId, bytes] as const];
          }),
        );
      } catch (error) {
        log.warn({ err: error }, 'what tasks have sent could not be read; it is counted on, and read another time');
        return new Map();
      }
    },
    forget: (taskId) => carriedBytes.delete(taskId),
  };
}
