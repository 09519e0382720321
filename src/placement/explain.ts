// Placement in words: why a task got its host, and why it got none. Shown to tenants, so it names amounts and counts
// but no other tenant's tasks.
import type { PendingReason } from '@berth/contract';
import { formatCpu, formatMemory } from './amounts.js';
import type { Filter } from './filters.js';
import type { HostRoom, Shape } from './fleet.js';

/** @param room the chosen host with the task already on it; @param candidates how many hosts could have taken it. */
export function explainPlaced(room: HostRoom, candidates: number): string {
  const choice = candidates === 1 ? 'the only host that fits' : `best fit of ${candidates} hosts`;
  return `${choice}: leaves ${formatCpu(room.free.cpuMillis)}, ${roundedMemory(room.free.memoryMiB)}`;
}

/** @param turnedAway per filter, in the filters' order, the hosts that failed there. Their union is the whole fleet. */
export function explainUnplaced(shape: Shape, turnedAway: ReadonlyMap<Filter, readonly HostRoom[]>): PendingReason {
  const counts = [...turnedAway].map(([filter, rooms]) => ({
    filter: filter.name,
    hosts: rooms.length,
    detail: filter.detail(rooms, shape),
  }));
  return { summary: summaryOf(counts), filters: counts };
}

/** The last filter that turned hosts away is the one whose hosts came nearest. */
function summaryOf(counts: PendingReason['filters']): string {
  const [first, nearest] = [counts[0], counts.at(-1)];
  if (!first || !nearest) return 'there are no hosts';
  const bound = first.filter === 'volumes' && first !== nearest;
  return bound ? `${first.detail}; there, ${nearest.detail}` : nearest.detail;
}

/** MiB below a GiB, else GiB to one decimal, rounded down: it must not promise more than there is. */
function roundedMemory(mib: number): string {
  if (mib < 1024) return formatMemory(mib);
  const tenths = Math.floor((mib * 10) / 1024);
  return `${Math.floor(tenths / 10)}.${tenths % 10} GiB`;
}
