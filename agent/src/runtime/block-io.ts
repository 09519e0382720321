// Whether this machine shares its disks by weight. The control groups take a weight on any kernel that has the files;
// it means something only where a disk is scheduled by BFQ, or where iocost (cgroup v2) is switched on.
import { cgroupRoot } from './cgroup.js';
import { namesIn, readOrEmpty } from './records.js';

export type BlockIoWeight = 'bfq' | 'iocost' | 'none';

export function blockIoWeight(): BlockIoWeight {
  const schedulers = namesIn('/sys/block').map((device) => readOrEmpty(`/sys/block/${device}/queue/scheduler`));
  return blockIoWeightOf(schedulers, readOrEmpty(`${cgroupRoot}/io.cost.qos`));
}

/** @param costQos text of io.cost.qos; '' on cgroup v1. */
export function blockIoWeightOf(schedulers: readonly string[], costQos: string): BlockIoWeight {
  if (schedulers.some((text) => text.includes('[bfq]'))) return 'bfq';
  return /\benable=1\b/.test(costQos) ? 'iocost' : 'none';
}
