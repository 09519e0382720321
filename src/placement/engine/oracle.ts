// The exhaustive scan: every host, the whole checklist, the whole score. Slow and plainly right; the measure for search.ts.
import type { Group } from './groups.js';
import { miss, type Pin } from './miss.js';
import { compareScores, type Score, scoreOf } from './score.js';
import type { Shape } from './shape.js';
import type { World } from './world.js';

/** @returns the best host's handle (the lowest of equals), or −1. */
export function bestHost(world: World, shape: Shape, group: Group | undefined, pin: Pin | undefined): number {
  return bestOf(world, shape, group, pin, world.hosts.specs.keys());
}

/** The best of some hosts, in whatever order they come. */
export function bestOf(world: World, shape: Shape, group: Group | undefined, pin: Pin | undefined, candidates: Iterable<number>): number {
  let best = -1;
  let bestScore: Score | null = null;
  for (const host of candidates) {
    if (miss(world, shape, group, pin, host) !== null) continue;
    const score = scoreOf(world, shape, group, host);
    const difference = bestScore ? compareScores(score, bestScore) : -1;
    if (difference > 0 || (difference === 0 && host > best)) continue;
    best = host;
    bestScore = score;
  }
  return best;
}
