// From summed rows to what rating takes: what a task holds all the time (disk, GPUs, addresses) follows from how long tasks
// of a group ran, and the free part of the disk from the price book of the time.
import type { CapacityTier, Dimension, Isolation, StopCode } from '@berth/contract';
import { bookAt } from './cell.js';
import type { BookInForce } from './tenant-contract.js';
import type { Segment, UsageGroup, UsageSum } from './usage-sum.js';

/** Usage of tasks of one group, in one segment. */
export interface SummedUse {
  readonly tenantId: string;
  readonly group: UsageGroup;
  readonly isolation: Isolation;
  readonly capacityTier: CapacityTier;
  /** Of each task. */
  readonly diskMiB: number;
  readonly gpus: number;
  readonly addresses: number;
  readonly purpose: UsageSum['purpose'];
  readonly fault: StopCode | null;
  readonly segment: Segment;
  readonly taskMs: bigint;
  readonly cpu: bigint;
  readonly memory: bigint;
  readonly egress: bigint;
}

export function toUsageSums(use: SummedUse, books: readonly BookInForce[]): UsageSum[] {
  const { tenantId, group, isolation, capacityTier, purpose, fault, segment, taskMs } = use;
  const diskBeyondFree = Math.max(0, use.diskMiB - bookAt(books, segment.fromMs).freeDiskMiB);
  const quantities: [Dimension, bigint][] = [
    ['cpu', use.cpu],
    ['memory', use.memory],
    ['disk', BigInt(diskBeyondFree) * taskMs],
    ['gpu', BigInt(use.gpus) * taskMs],
    ['address', BigInt(use.addresses) * taskMs],
    ['egress', use.egress],
  ];
  return quantities
    .filter(([, quantity]) => quantity > 0n)
    .map(([dimension, quantity]) => ({ tenantId, dimension, isolation, capacityTier, group, segment, quantity, purpose, fault }));
}

/** The same use with part of it taken away, as faults are from what was summed by the hour. */
export function without(use: SummedUse, part: SummedUse): SummedUse {
  return {
    ...use,
    taskMs: use.taskMs - part.taskMs,
    cpu: use.cpu - part.cpu,
    memory: use.memory - part.memory,
    egress: use.egress - part.egress,
  };
}
