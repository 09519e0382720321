// Making room by evicting lower tiers: candidates from the index over free + evictable, the cheapest eviction wins.
import { cellOf, type Grid } from './grid.js';
import type { Group } from './groups.js';
import { lifetimes } from './hosts.js';
import { kindMiss, type Pin, pinAllows, resourceMiss, ruleMiss, zoneMiss } from './miss.js';
import type { Pool } from './pools.js';
import type { Shape, Target } from './shape.js';
import { compareCosts, type Eviction, evictionOn } from './victims.js';
import type { World } from './world.js';

/** How many hosts are priced at the most: evicting is rare, but a surge of it must not stall the leader. */
const candidates = 256;

/** @returns the cheapest eviction that lets the task in, or null. */
export function cheapestEviction(world: World, shape: Shape, group: Group | undefined, pin: Pin | undefined): Eviction | null {
  let best: Eviction | null = null;
  let left = candidates;
  for (const { byWaste } of shape.eligible(world.pools)) {
    for (const target of byWaste.flat()) {
      const { pool } = target;
      if (zoneMiss(world, shape, pool.zone) !== null) continue;
      for (const host of hostsWithRoom(world, target)) {
        if (left === 0) return best;
        if (!admits(world, shape, group, pin, pool, host)) continue;
        left--;
        const eviction = evictionOn(world, shape, host);
        if (eviction && (!best || compareCosts(eviction, best) < 0)) best = eviction;
      }
    }
  }
  return best;
}

function admits(world: World, shape: Shape, group: Group | undefined, pin: Pin | undefined, pool: Pool, host: number): boolean {
  return (
    resourceMiss(world, world.hosts.reach, shape, host) === null &&
    ruleMiss(world, shape, group, shape.maxPerHost, host) === null &&
    (pool.kind >= 0 || !kindMiss(world, shape, host)) &&
    (pin === undefined || pinAllows(world, pin, host))
  );
}

/** Hosts of the pool in cells that may be large enough once everything evictable has gone, tightest rows first. */
function* hostsWithRoom(world: World, target: Target): Generator<number> {
  const grid = world.reclaimable.grids[target.pool.id];
  if (!grid) return;
  for (let lifetime = 0; lifetime < lifetimes; lifetime++) {
    for (let row = grid.nextRow(lifetime, target.row); row >= 0; row = grid.nextRow(lifetime, row + 1)) {
      for (
        let column = grid.nextColumn(cellOf(lifetime, row, 0), target.column);
        column >= 0;
        column = grid.nextColumn(cellOf(lifetime, row, 0), column + 1)
      ) {
        yield* hostsIn(world, grid, cellOf(lifetime, row, column));
      }
    }
  }
}

function* hostsIn(world: World, grid: Grid, cell: number): Generator<number> {
  for (let host = grid.first(cell); host >= 0; host = world.reclaimable.after(host)) yield host;
}
