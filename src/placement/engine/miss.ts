// The ordered checklist of a host for a shape. It stops at the first thing that is missing, and that is also what the
// explanation counts. `null` means the host can take the task.
import { at, type Column, CPU, DISK, GPU, MEMORY, NETWORK, SLOTS } from './columns.js';
import type { Group } from './groups.js';
import { DRAINING, TAKEN, UP } from './hosts.js';
import type { Shape } from './shape.js';
import { attributesMatch, type StaticMiss, staticMiss } from './static-filter.js';
import type { World } from './world.js';

export type StateMiss = 'down' | 'draining' | 'taken' | 'not-empty';
export type ResourceMiss = 'cpu' | 'memory' | 'disk' | 'network' | 'gpu' | 'addresses';
export type RuleMiss = 'ports' | 'per-host-limit' | 'anti-affinity' | 'affinity';
export type Miss = StaticMiss | StateMiss | ResourceMiss | RuleMiss | 'pinned-elsewhere';

/** @param amounts what counts as available: the hosts' `free` or `reach`. */
export function resourceMiss(world: World, amounts: readonly Column[], shape: Shape, host: number): ResourceMiss | null {
  const { need } = shape;
  if (at(amounts[CPU] as Column, host) < at(need, CPU)) return 'cpu';
  if (at(amounts[MEMORY] as Column, host) < at(need, MEMORY)) return 'memory';
  if (at(amounts[SLOTS] as Column, host) < at(need, SLOTS)) return 'addresses';
  if (!shape.hasMore) return null;
  if (at(amounts[DISK] as Column, host) < at(need, DISK)) return 'disk';
  if (at(amounts[NETWORK] as Column, host) < at(need, NETWORK)) return 'network';
  const gpu = at(need, GPU);
  if (gpu === 0) return null;
  if (at(amounts[GPU] as Column, host) < gpu) return 'gpu';
  return amounts === world.hosts.free && !world.devices.fits(host, gpu) ? 'gpu' : null;
}

/** Rules that depend on what else runs there. @param limit at most so many tasks of the group on the host, this one included. */
export function ruleMiss(world: World, shape: Shape, group: Group | undefined, limit: number, host: number): RuleMiss | null {
  if (shape.countsByHost && group && group.on(host) >= limit) return 'per-host-limit';
  if (shape.hostPorts.length > 0 && !world.ports.free(shape.hostPorts, host)) return 'ports';
  if (shape.hasRules) {
    if (world.labels.repelledFromHost(shape, host)) return 'anti-affinity';
    if (!world.labels.attractedToHost(shape, host)) return 'affinity';
  }
  return null;
}

export function zoneMiss(world: World, shape: Shape, zone: number): RuleMiss | null {
  if (!shape.hasZoneRules) return null;
  if (world.labels.repelledFromZone(shape, zone)) return 'anti-affinity';
  return world.labels.attractedToZone(shape, zone) ? null : 'affinity';
}

/** Attributes of a host whose pool mixes several sets of them. Verdicts are kept by set. */
export function kindMiss(world: World, shape: Shape, host: number): boolean {
  const kind = at(world.hosts.kind, host);
  let verdict = shape.kindVerdicts[kind];
  if (verdict === undefined) {
    verdict = attributesMatch(shape.spec.attributes, world.pools.kinds[kind] ?? {});
    shape.kindVerdicts[kind] = verdict;
  }
  return !verdict;
}

export function stateMiss(world: World, shape: Shape, host: number): StateMiss | null {
  const state = at(world.hosts.state, host);
  if (!(state & UP)) return 'down';
  if (state & DRAINING) return 'draining';
  if (state & TAKEN) return 'taken';
  return shape.spec.exclusiveHost && at(world.hosts.tasks, host) > 0 ? 'not-empty' : null;
}

/** The whole checklist, for one host and without any index. */
export function miss(world: World, shape: Shape, group: Group | undefined, pin: Pin | undefined, host: number): Miss | null {
  const pool = world.pools.list[at(world.hosts.pool, host)];
  if (!pool) return 'down';
  if (pin && !pinAllows(world, pin, host)) return 'pinned-elsewhere';
  return (
    staticMiss(shape.spec, pool) ??
    (kindMiss(world, shape, host) ? 'attributes' : null) ??
    stateMiss(world, shape, host) ??
    zoneMiss(world, shape, pool.zone) ??
    ruleMiss(world, shape, group, shape.maxPerHost, host) ??
    resourceMiss(world, world.hosts.free, shape, host)
  );
}

export interface Pin {
  readonly host?: string;
  readonly zone?: string;
}

export function pinAllows(world: World, pin: Pin, host: number): boolean {
  const { hosts } = world;
  if (pin.host !== undefined && hosts.handle(pin.host) !== host) return false;
  return pin.zone === undefined || hosts.zones.known(pin.zone) === at(hosts.zone, host);
}
