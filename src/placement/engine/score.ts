// Which of two hosts is better: one tuple of integers, compared from the left, the smaller the better. No weights between
// the terms, so that every choice can be told in a sentence.
import { at, type Column } from './columns.js';
import type { Group } from './groups.js';
import { cells, leftOver, type Pool } from './pools.js';
import type { Shape } from './shape.js';
import type { World } from './world.js';

/** zone deficit, GPU waste, tasks of the group (if spreading), empty, longer lifetime, space left over, image missing */
export type Score = readonly [number, number, number, number, number, number, number];

export const scoreTerms = ['zone balance', 'GPU waste', 'spread', 'empty host', 'lifetime', 'space left over', 'image'] as const;

export function scoreOf(world: World, shape: Shape, group: Group | undefined, host: number): Score {
  const { hosts } = world;
  const pool = world.pools.list[at(hosts.pool, host)] as Pool;
  const amounts = hosts.free;
  const empty = at(hosts.tasks, host) === 0;
  // Empty hosts of a pool count as equal, even if one has some MiB more than the other.
  const row = empty ? cells - 1 : pool.rowOf(at(amounts[pool.rowDimension] as Column, host));
  const column = empty ? cells - 1 : pool.columnOf(at(amounts[pool.columnDimension] as Column, host));
  return [
    shape.spec.balanceZones && group ? group.inZone(pool.zone) : 0,
    shape.wastes(pool) ? 1 : 0,
    shape.spec.spread && group ? group.on(host) : 0,
    empty ? 1 : 0,
    empty ? 0 : Math.max(0, shape.lifetime - hosts.lifetimeOf(host)),
    leftOver(pool, row - pool.rowOf(at(shape.need, pool.rowDimension)), column - pool.columnOf(at(shape.need, pool.columnDimension))),
    shape.spec.image !== undefined && !world.images.has(host, shape.spec.image) ? 1 : 0,
  ];
}

/** @returns below 0 if `a` is better than `b`, 0 if they are equal. */
export function compareScores(a: Score, b: Score): number {
  for (const [i, term] of a.entries()) {
    const difference = term - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
