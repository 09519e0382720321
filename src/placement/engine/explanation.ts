// Why a task can't be placed: hosts counted by the first thing they lack, and in words the host that comes closest.
import { at, type Column, dimensions } from './columns.js';
import { type Miss, miss } from './miss.js';
import type { Shape } from './shape.js';
import type { PlaceRequest } from './types.js';
import type { World } from './world.js';

export interface Explanation {
  /** Hosts by what they lack, most first. Hosts that could take the task are not counted. */
  readonly counts: readonly { readonly miss: Miss; readonly hosts: number }[];
  readonly fitting: number;
  readonly summary: string;
  readonly nearest: string | null;
}

const words: Readonly<Record<Miss, string>> = {
  zone: 'in another zone',
  architecture: 'of another architecture',
  isolation: 'of another isolation tier',
  'gpu-model': 'without the GPU model',
  attributes: 'without the attributes',
  'pinned-elsewhere': 'away from the task’s volumes',
  down: 'down',
  draining: 'draining',
  taken: 'taken by a task that wants its host for itself',
  'not-empty': 'not empty',
  cpu: 'short of CPU',
  memory: 'short of memory',
  disk: 'short of disk',
  network: 'short of network rate',
  gpu: 'short of GPUs',
  addresses: 'short of addresses',
  ports: 'with the port in use',
  'per-host-limit': 'at the group’s limit per host',
  'anti-affinity': 'with tasks to keep away from',
  affinity: 'without the tasks to be near to',
};

const units = ['milli-CPU', 'MiB of memory', 'MiB of disk', 'Mbit/s', 'milli-GPU', 'addresses'] as const;
const resources: ReadonlySet<Miss> = new Set(['cpu', 'memory', 'disk', 'network', 'gpu', 'addresses']);

/** Looks at every host: meant for tasks that wait, not for the hot path. */
export function explain(world: World, request: PlaceRequest): Explanation {
  const shape = world.shapes.of(request.shape);
  const group = request.group === undefined ? undefined : world.groups.known(request.group);
  const counts = new Map<Miss, number>();
  let fitting = 0;
  let nearest: Shortfall | null = null;
  for (const [host, spec] of world.hosts.specs.entries()) {
    if (!spec) continue;
    const lack = miss(world, shape, group, request.pin, host);
    if (lack === null) fitting++;
    else counts.set(lack, (counts.get(lack) ?? 0) + 1);
    if (lack === null || !resources.has(lack)) continue;
    const shortfall = shortfallOn(world, shape, host);
    if (!nearest || shortfall.parts < nearest.parts) nearest = shortfall;
  }
  const list = [...counts].map(([what, hosts]) => ({ miss: what, hosts })).sort((a, b) => b.hosts - a.hosts);
  return {
    counts: list,
    fitting,
    summary: summaryOf(world, list, fitting, request, shape),
    nearest: nearest && tell(world, shape, nearest),
  };
}

interface Shortfall {
  readonly host: number;
  readonly dimension: number;
  /** The largest lack of any dimension, in millionths of what is needed. */
  readonly parts: number;
}

function shortfallOn(world: World, shape: Shape, host: number): Shortfall {
  let worst: Shortfall = { host, dimension: 0, parts: -1 };
  for (const d of dimensions.keys()) {
    const need = at(shape.need, d);
    const lack = need - at(world.hosts.free[d] as Column, host);
    const parts = need === 0 ? 0 : Math.max(0, Math.trunc((lack * 1_000_000) / need));
    if (parts > worst.parts) worst = { host, dimension: d, parts };
  }
  return worst;
}

function tell(world: World, shape: Shape, { host, dimension, parts }: Shortfall): string {
  const free = at(world.hosts.free[dimension] as Column, host);
  const need = at(shape.need, dimension);
  if (parts === 0) return `host ${world.hosts.id(host)} has ${free} ${units[dimension]} free in all, but not in one piece`;
  return `host ${world.hosts.id(host)} lacks ${need - free} ${units[dimension]}: ${need} needed, ${free} free`;
}

function summaryOf(world: World, counts: Explanation['counts'], fitting: number, request: PlaceRequest, shape: Shape): string {
  const refusal = world.capacity.refuses(shape);
  if (refusal === 'reservation') return `capacity group ${request.shape.capacityGroup ?? '(none)'} has not enough left of what it reserved`;
  if (refusal === 'reserved-for-others') return 'what is free is reserved for capacity groups';
  if (fitting > 0) return `${fitting} of ${world.hosts.count} hosts can take it`;
  if (world.hosts.count === 0) return 'there are no hosts';
  return `none of ${world.hosts.count} hosts can take it: ${counts.map(({ miss: what, hosts }) => `${hosts} ${words[what]}`).join(', ')}`;
}
