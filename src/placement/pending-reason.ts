// Why a task waits, for its tenant to read: hosts counted by the first thing they lack, and in words what the hosts lack
// that came nearest. Names amounts and counts, but no other tenant's tasks.
import type { HostId, PendingReason } from '@berth/contract';
import { formatCpu, formatDisk, formatMemory, hostsInWords } from './amounts.js';
import { at, type Column, CPU, DISK, GPU, MEMORY, NETWORK } from './engine/columns.js';
import { type Miss, miss } from './engine/miss.js';
import type { Shape } from './engine/shape.js';
import type { PlaceRequest } from './engine/types.js';
import type { World } from './engine/world.js';
import type { HostRow } from './fleet.js';
import { closedBecause, delegationAttribute, volumeKindAttribute, volumeKindIn } from './host-spec.js';
import { portName } from './task-shapes.js';
import { homesInWords, livesElsewhere, type VolumeHomes, type VolumeNeed, writtenByOthers } from './volume-needs.js';

type Lack = Exclude<Miss, 'down' | 'draining'> | 'inactive' | 'disk-pressure' | 'volume-writer';

interface Found {
  readonly world: World;
  readonly shape: Shape;
  /** Handles of the hosts that lack this, at least one. */
  readonly hosts: readonly number[];
  readonly row: (host: number) => HostRow | undefined;
  readonly volumes: UsedVolumes;
}

/** What the task needs of which volumes, and where those live that live somewhere. */
export interface UsedVolumes {
  readonly needs: readonly VolumeNeed[];
  readonly homes: VolumeHomes;
}

interface Words {
  readonly filter: string;
  readonly detail: (found: Found) => string;
}

/** From what is asked first to what is asked last: the last that hosts lack is the nearest miss. */
const words: Readonly<Record<Lack, Words>> = {
  'pinned-elsewhere': { filter: 'volumes', detail: ({ volumes }) => homesInWords(volumes.homes, volumes.needs) },
  zone: { filter: 'zone', detail: ({ hosts, shape }) => `${hostsInWords(hosts.length)} not in ${(shape.spec.zones ?? []).join(' or ')}` },
  architecture: {
    filter: 'architecture',
    detail: ({ hosts, shape }) => `${hostsInWords(hosts.length)} not of the architecture ${shape.spec.arch}`,
  },
  isolation: {
    filter: 'isolation',
    detail: ({ hosts, shape }) => `${hostsInWords(hosts.length)} without the isolation tier ${shape.spec.isolation}`,
  },
  'gpu-model': {
    filter: 'gpu-model',
    detail: ({ hosts, shape }) => `${hostsInWords(hosts.length)} without a GPU ${(shape.spec.gpuModels ?? []).join(' or ')}`,
  },
  attributes: { filter: 'attributes', detail: attributesInWords },
  inactive: { filter: 'host-active', detail: inactiveInWords },
  'volume-writer': { filter: 'volume-writer', detail: writerInWords },
  'disk-pressure': {
    filter: 'disk-pressure',
    detail: ({ hosts, row }) => `${hostsInWords(hosts.length)} short of disk: ${row(hosts[0] as number)?.diskPressure}`,
  },
  taken: { filter: 'exclusive-host', detail: ({ hosts }) => `${hostsInWords(hosts.length)} taken by a task that is alone there` },
  'not-empty': { filter: 'exclusive-host', detail: ({ hosts }) => `${hostsInWords(hosts.length)} not empty` },
  'anti-affinity': { filter: 'anti-affinity', detail: ({ hosts }) => `${hostsInWords(hosts.length)} with tasks to keep away from` },
  affinity: { filter: 'affinity', detail: ({ hosts }) => `${hostsInWords(hosts.length)} without the tasks to be near to` },
  'per-host-limit': {
    filter: 'per-host-limit',
    detail: ({ hosts, shape }) => `${shape.maxPerHost} of the group on ${hostsInWords(hosts.length)}, which is the most that is allowed`,
  },
  ports: { filter: 'host-ports', detail: portsInWords },
  cpu: { filter: 'cpu', detail: amount(CPU, formatCpu) },
  memory: { filter: 'memory', detail: amount(MEMORY, formatMemory) },
  addresses: { filter: 'task-slots', detail: ({ hosts }) => `every task slot is taken on ${hostsInWords(hosts.length)}` },
  disk: { filter: 'disk', detail: amount(DISK, formatDisk) },
  network: { filter: 'network', detail: amount(NETWORK, (mbps) => `${mbps} Mbit/s`) },
  gpu: { filter: 'gpus', detail: amount(GPU, (millis) => gpusInWords(millis)) },
};

const noVolumes: UsedVolumes = { needs: [], homes: new Map() };

/** @param rowOf a host as the database has it. @returns null if some host can take the task now. */
export function pendingReason(
  world: World,
  request: PlaceRequest,
  rowOf: (id: HostId) => HostRow | undefined,
  volumes: UsedVolumes = noVolumes,
): PendingReason | null {
  const shape = world.shapes.of(request.shape);
  const refusal = refusalInWords(world, shape);
  if (refusal !== null) return { summary: refusal, filters: [] };
  const group = request.group === undefined ? undefined : world.groups.known(request.group);
  const row = (host: number) => rowOf(world.hosts.id(host) as HostId);
  const lacking = new Map<Lack, number[]>();
  for (let host = 0; host < world.hosts.rows; host++) {
    if (!world.hosts.specs[host]) continue;
    const lack = withVolumes(miss(world, shape, group, undefined, host), volumes, world.hosts.id(host) as HostId);
    if (lack === null) return null;
    const named = lack === 'down' || lack === 'draining' ? closedAs(row(host)) : lack;
    const hosts = lacking.get(named);
    if (hosts) hosts.push(host);
    else lacking.set(named, [host]);
  }
  const filters = (Object.keys(words) as Lack[]).flatMap((lack) => {
    const hosts = lacking.get(lack);
    return hosts
      ? [{ filter: words[lack].filter, hosts: hosts.length, detail: words[lack].detail({ world, shape, hosts, row, volumes }) }]
      : [];
  });
  return { summary: summaryOf(filters), filters };
}

/** The last filter that turned hosts away is the one whose hosts came nearest. */
function summaryOf(filters: PendingReason['filters']): string {
  const [first, nearest] = [filters[0], filters.at(-1)];
  if (!first || !nearest) return 'there are no hosts';
  return first.filter === 'volumes' && first !== nearest ? `${first.detail}; there, ${nearest.detail}` : nearest.detail;
}

const beforeWriters: ReadonlySet<Miss> = new Set(['zone', 'architecture', 'isolation', 'gpu-model', 'attributes', 'down', 'draining']);

/** Where the task's volumes live comes before all else; who writes them, once the host as such would do. */
function withVolumes(lack: Miss | null, { homes, needs }: UsedVolumes, hostId: HostId): Miss | 'volume-writer' | null {
  if (livesElsewhere(homes, needs, hostId)) return 'pinned-elsewhere';
  if (writtenByOthers(homes, needs).length === 0 || (lack !== null && beforeWriters.has(lack))) return lack;
  return 'volume-writer';
}

/** For a gang of which each task alone would find a host. */
export function gangReason(min: number, of: number): PendingReason {
  return { summary: `there is not room for ${min === of ? `all ${of}` : `${min} of the ${of}`} tasks of its gang at once`, filters: [] };
}

export function leavingReason(victims: number): PendingReason {
  return { summary: `has a host; waits for ${victims === 1 ? 'a spot task' : `${victims} spot tasks`} to leave it`, filters: [] };
}

export const soonReason: PendingReason = { summary: 'fits on a host, and is next in the queue of its tenant', filters: [] };

function refusalInWords(world: World, shape: Shape): string | null {
  const refusal = world.capacity.refuses(shape);
  if (refusal === 'reservation')
    return shape.spec.capacityGroup === undefined
      ? 'guaranteed tasks need a capacity group, and the tenant is in none'
      : 'the tenant’s capacity group has not enough left of what is reserved for it';
  return refusal === 'reserved-for-others' ? 'what is free is reserved for capacity groups' : null;
}

function closedAs(row: HostRow | undefined): Lack {
  return (row && closedBecause(row)) ?? 'inactive';
}

function inactiveInWords({ hosts }: Found): string {
  return `${hostsInWords(hosts.length)} not active: unreachable, lost, cordoned or draining`;
}

function attributesInWords({ hosts, shape, world }: Found): string {
  const kinds = (shape.spec.attributes ?? []).flatMap(({ key }) => volumeKindIn(key) ?? []);
  const missing = kinds.filter((kind) => hosts.some((host) => !world.hosts.specs[host]?.attributes[volumeKindAttribute(kind)]));
  if (missing.length > 0) return `${hostsInWords(hosts.length)} can make no ${missing.join(' and no ')} volumes`;
  const lacks = (key: string) => hosts.some((host) => !world.hosts.specs[host]?.attributes[key]);
  if ((shape.spec.attributes ?? []).some(({ key, op }) => key === delegationAttribute && op === 'exists') && lacks(delegationAttribute))
    return `${hostsInWords(hosts.length)} can’t delegate control groups (delegateCgroup), which needs cgroup v2`;
  return `${hostsInWords(hosts.length)} without the attributes asked for`;
}

function writerInWords({ volumes }: Found): string {
  const [volume] = writtenByOthers(volumes.homes, volumes.needs);
  return `another task writes the volume ${volume?.name}, and one may at a time: wait for its end, or mount the volume read-only`;
}

function portsInWords({ world, shape, hosts }: Found): string {
  const taken = shape.hostPorts.filter((port) => hosts.some((host) => !world.ports.free([port], host)));
  return `another task has ${taken.map(portName).join(', ')} on ${hostsInWords(hosts.length)}`;
}

function gpusInWords(millis: number): string {
  const gpus = Math.trunc(millis / 1000);
  return gpus === 1 ? '1 GPU' : `${gpus} GPUs`;
}

function amount(dimension: number, format: (amount: number) => string) {
  return ({ world, shape, hosts }: Found): string => {
    const free = world.hosts.free[dimension] as Column;
    const capacity = world.hosts.capacity[dimension] as Column;
    const need = at(shape.need, dimension);
    const most = (column: Column) => hosts.reduce((best, host) => Math.max(best, at(column, host)), 0);
    const needs = `needs ${format(need)}`;
    if (most(capacity) < need) return `${needs}; the largest host has ${format(most(capacity))} in all`;
    const largest = most(free);
    const where = hosts.filter((host) => Math.max(0, at(free, host)) === largest).length;
    return `${needs}; the largest free is ${format(largest)} on ${hostsInWords(where)}`;
  };
}
