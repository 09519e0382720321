// A host's row as the engine takes it.
import type { HostSpec } from './engine/types.js';
import type { HostRow } from './fleet.js';

/** More than anything asks for: a dimension that the host doesn't count. */
const uncounted = 2 ** 30;
/** Of hosts that name no zone. */
export const defaultZone = 'default';
const archOf: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
/** What an agent says whose containers' control groups can be delegated to them. */
export const delegationAttribute = 'cgroupDelegation';
const volumeKindPrefix = '#volumes/';
/** Different on each host: in the engine each would make a pool of its own. */
const ownToHost: ReadonlySet<string> = new Set(['hostname']);

/** @param volumesMiB what volumes hold of its disk. */
export function hostSpecOf(row: HostRow, volumesMiB: number): HostSpec {
  const { attributes } = row;
  return {
    id: row.id,
    zone: attributes.zone ?? defaultZone,
    type: attributes.instanceType ?? sizeInWords(row),
    // One that doesn't say has containers, which every host has.
    isolation: attributes.isolation ?? 'container',
    arch: archOf[attributes.arch ?? 'x64'] ?? attributes.arch ?? '',
    ...(attributes.gpuModel === undefined ? {} : { gpuModel: attributes.gpuModel }),
    capacity: {
      cpuMillis: row.cpuMillis,
      memoryMiB: row.memoryMiB,
      diskMiB: row.diskMiB === null ? uncounted : Math.max(0, row.diskMiB - volumesMiB),
      networkMbps: numberIn(attributes.networkMbps) ?? uncounted,
      gpuMillis: Math.min(30, numberIn(attributes.gpus) ?? 0) * 1000,
      addressSlots: row.taskSlots,
    },
    attributes: {
      ...Object.fromEntries(Object.entries(attributes).filter(([key]) => !ownToHost.has(key))),
      ...Object.fromEntries(volumeKindsOf(attributes).map((kind) => [volumeKindAttribute(kind), 'yes'])),
    },
  };
}

/** Machines that name no type are of one make if they are about as large: their memory differs by some MiB. */
function sizeInWords({ cpuMillis, memoryMiB }: HostRow): string {
  return `${cpuMillis}m/${Math.round(memoryMiB / 512)}`;
}

/** An agent of before there were volumes says nothing. */
function volumeKindsOf({ volumes = '' }: HostRow['attributes']): string[] {
  return volumes.split(',').filter((kind) => kind !== '');
}

/** What an attribute that lists several things becomes in the engine, which compares whole values; tenants can't ask for it. */
export function volumeKindAttribute(kind: string): string {
  return `${volumeKindPrefix}${kind}`;
}

/** @returns the kind of which this is the attribute, or null if it is another one. */
export function volumeKindIn(key: string): string | null {
  return key.startsWith(volumeKindPrefix) ? key.slice(volumeKindPrefix.length) : null;
}

/** Attributes are text, and agents are not trusted. */
function numberIn(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,7}$/.test(text) ? Number(text) : null;
}

/** Whether the host may be given tasks. @returns null if so, else why not. */
export function closedBecause({ state, diskPressure }: Pick<HostRow, 'state' | 'diskPressure'>): 'inactive' | 'disk-pressure' | null {
  if (state !== 'active') return 'inactive';
  return diskPressure === null ? null : 'disk-pressure';
}
