// Which hosts could be emptied because their tasks fit elsewhere: those with the fewest tasks first, each tried under the undo log.
import { at, type Column, CPU, GPU, MEMORY } from './columns.js';
import type { Engine } from './engine.js';
import { UP } from './hosts.js';
import type { Shape } from './shape.js';
import type { PlaceRequest } from './types.js';
import type { World } from './world.js';

export interface ConsolidationLimits {
  /** Only hosts used to at most so many percent of their scarcest dimension. */
  readonly usedPercent: number;
  readonly hosts: number;
  readonly moves: number;
  /** Hosts whose longest-lived task is below this empty by themselves and are left alone. */
  readonly lifetime: number;
}

export interface Consolidation {
  readonly host: string;
  readonly moves: readonly { readonly task: string; readonly to: string }[];
}

/**
 * Moves tasks off hosts as far as the limits allow, and leaves those hosts draining. The engine then holds the tasks at
 * their new hosts; to only ask, call it inside `engine.attempt`. @param requestOf what to place in a task's stead; null: it must stay.
 */
export function consolidate(
  engine: Engine,
  limits: ConsolidationLimits,
  requestOf: (task: string) => PlaceRequest | null,
): Consolidation[] {
  const plan: Consolidation[] = [];
  let moves = 0;
  for (const host of candidates(engine.world, limits)) {
    if (plan.length >= limits.hosts) break;
    if (moves + at(engine.world.hosts.tasks, host) > limits.moves) continue;
    const step = empty(engine, host, requestOf);
    if (!step) continue;
    plan.push(step);
    moves += step.moves.length;
  }
  return plan;
}

/** Hosts within the limits, those with the fewest tasks to move first. */
function candidates({ hosts }: World, limits: ConsolidationLimits): number[] {
  const used = (host: number) =>
    [CPU, MEMORY, GPU].reduce((most, d) => {
      const capacity = at(hosts.capacity[d] as Column, host);
      return capacity === 0 ? most : Math.max(most, Math.trunc((1_000_000 * (capacity - at(hosts.free[d] as Column, host))) / capacity));
    }, 0);
  return [...hosts.specs.keys()]
    .filter((host) => at(hosts.state, host) === UP && at(hosts.tasks, host) > 0 && hosts.lifetimeOf(host) >= limits.lifetime)
    .map((host) => ({ host, used: used(host) }))
    .filter((entry) => entry.used <= limits.usedPercent * 10_000)
    .sort((a, b) => at(hosts.tasks, a.host) - at(hosts.tasks, b.host) || a.used - b.used || a.host - b.host)
    .map(({ host }) => host);
}

/** Empties the host if every task finds another one that isn't empty itself; else changes nothing. */
function empty(engine: Engine, host: number, requestOf: (task: string) => PlaceRequest | null): Consolidation | null {
  const { world } = engine;
  const id = world.hosts.id(host);
  const moves: { task: string; to: string }[] = [];
  const kept = engine.attempt(() => {
    engine.apply({ kind: 'drain', host: id });
    return largestFirst(world, host).every((task) => {
      const to = move(engine, world.tasks.ids[task] as string, requestOf);
      if (to !== null) moves.push({ task: world.tasks.ids[task] as string, to });
      return to !== null;
    });
  });
  return kept ? { host: id, moves } : null;
}

function move(engine: Engine, task: string, requestOf: (task: string) => PlaceRequest | null): string | null {
  const request = requestOf(task);
  if (!request) return null;
  const { world } = engine;
  const lifetime = at(world.tasks.lifetime, world.tasks.handle(task));
  engine.release(task);
  const placement = engine.place({ ...request, task, preempt: false });
  if (!placement.placed || at(world.hosts.tasks, world.hosts.handle(placement.host)) === 1) return null;
  engine.apply({ kind: 'expect', task, lifetime: lifetime as 0 | 1 | 2 | 3 });
  return placement.host;
}

function largestFirst(world: World, host: number): number[] {
  const { tasks, hosts } = world;
  const size = (task: number) => at((tasks.shapes[task] as Shape).need, CPU);
  return tasks.on(hosts, host).sort((a, b) => size(b) - size(a));
}
