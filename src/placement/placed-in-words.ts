// Why a task got its host, for its tenant to read: names amounts, but no other tenant's tasks.
import { formatCpu, formatMemory } from './amounts.js';
import { at, type Column, CPU, MEMORY } from './engine/columns.js';
import type { PlaceRequest } from './engine/types.js';
import type { World } from './engine/world.js';

/** @param request of a task that is on the host by now. */
export function placedInWords(world: World, { shape, group }: PlaceRequest, hostId: string): string {
  const host = world.hosts.handle(hostId);
  const free = (dimension: number) => Math.max(0, at(world.hosts.free[dimension] as Column, host));
  const choice = world.hosts.count === 1 ? 'the only host that fits' : ruleInWords(shape, group);
  return `${choice}: leaves ${formatCpu(free(CPU))}, ${roundedMemory(free(MEMORY))}`;
}

function ruleInWords(shape: PlaceRequest['shape'], group: string | undefined): string {
  if (group !== undefined && shape.spread) return shape.balanceZones ? 'spread over zones and hosts' : 'spread over hosts';
  if (group !== undefined && shape.balanceZones) return 'zone balance, then best fit';
  return 'best fit';
}

/** MiB below a GiB, else GiB to one decimal, rounded down: it must not promise more than there is. */
function roundedMemory(mib: number): string {
  if (mib < 1024) return formatMemory(mib);
  const tenths = Math.floor((mib * 10) / 1024);
  return `${Math.floor(tenths / 10)}.${tenths % 10} GiB`;
}
