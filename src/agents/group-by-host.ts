import type { HostId } from '@berth/contract';

/** Map.groupBy came with Node 21. */
export function groupByHost<T extends { readonly hostId: HostId }>(items: readonly T[]): Map<HostId, T[]> {
  const groups = new Map<HostId, T[]>();
  for (const item of items) {
    const group = groups.get(item.hostId);
    if (group) group.push(item);
    else groups.set(item.hostId, [item]);
  }
  return groups;
}
