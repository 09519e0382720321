// Whom to evict from one host: fewest, then lowest tiers, then youngest, within the groups' disruption budgets.
import { at, type Column, dimensions, GPU } from './columns.js';
import type { Group } from './groups.js';
import type { Shape } from './shape.js';
import type { World } from './world.js';

export interface Eviction {
  readonly host: number;
  readonly victims: readonly number[];
  /** Compared from the left, the smaller the cheaper: number of victims, sum of their tiers, age of the oldest. */
  readonly cost: readonly [number, number, number];
}

/** Above so many evictable tasks on a host, more than one victim is chosen greedily instead of by trying all pairs. */
const pairs = 48;

type Test = (victims: readonly number[]) => boolean;

/** @returns the cheapest eviction that makes room on the host, or null. Beyond two victims it may not be the very fewest. */
export function evictionOn(world: World, shape: Shape, host: number): Eviction | null {
  const lacking = dimensions.map((_, d) => at(shape.need, d) - at(world.hosts.free[d] as Column, host));
  const options = evictableTasks(world, shape, host);
  const enough: Test = (victims) => makesRoom(world, shape, host, lacking, victims);
  const allowed: Test = (victims) => withinBudgets(world, victims);
  if (shape.spec.exclusiveHost) {
    const all = options.length === at(world.hosts.tasks, host);
    return all && allowed(options) && enough(options) ? priced(world, host, options) : null;
  }
  const single = options.find((task) => enough([task]));
  if (single !== undefined) return priced(world, host, [single]);
  const both: Test = (victims) => allowed(victims) && enough(victims);
  return (options.length <= pairs ? cheapestPair(world, host, options, both) : null) ?? greedily(world, host, options, lacking, enough);
}

/** Whose disruption budget an eviction of the task counts against; undefined: nobody's. */
export function budgetOf(world: World, task: number): Group | undefined {
  const { budget } = (world.tasks.shapes[task] as Shape).spec;
  return budget === undefined ? world.tasks.groups[task] : world.groups.known(budget);
}

export function evictionsLeft(world: World, task: number): number {
  const { budget } = (world.tasks.shapes[task] as Shape).spec;
  return budgetOf(world, task)?.evictions ?? (budget === undefined ? Number.MAX_SAFE_INTEGER : 0);
}

/** Tasks of lower tiers whose budget allows at least one eviction, cheapest first. */
function evictableTasks(world: World, shape: Shape, host: number): number[] {
  const { tasks } = world;
  const tierOf = (task: number) => (tasks.shapes[task] as Shape).tier;
  return tasks
    .on(world.hosts, host)
    .filter((task) => (tasks.shapes[task] as Shape).evictable && tierOf(task) < shape.tier && evictionsLeft(world, task) > 0)
    .sort((a, b) => tierOf(a) - tierOf(b) || (tasks.born[b] as number) - (tasks.born[a] as number));
}

function withinBudgets(world: World, victims: readonly number[]): boolean {
  const spent = new Map<Group, number>();
  return victims.every((task) => {
    const group = budgetOf(world, task);
    if (!group) return true;
    spent.set(group, (spent.get(group) ?? 0) + 1);
    return (spent.get(group) ?? 0) <= group.evictions;
  });
}

function makesRoom(world: World, shape: Shape, host: number, lacking: readonly number[], victims: readonly number[]): boolean {
  const freed = (d: number) => victims.reduce((sum, task) => sum + at((world.tasks.shapes[task] as Shape).need, d), 0);
  if (!lacking.every((amount, d) => amount <= 0 || freed(d) >= amount)) return false;
  const gpu = at(shape.need, GPU);
  return (
    gpu === 0 ||
    world.devices.fitsWithout(
      host,
      gpu,
      victims.map((task) => [at((world.tasks.shapes[task] as Shape).need, GPU), at(world.tasks.devices, task)]),
    )
  );
}

function cheapestPair(world: World, host: number, options: readonly number[], enough: Test): Eviction | null {
  let best: Eviction | null = null;
  for (const [i, first] of options.entries()) {
    for (const second of options.slice(i + 1)) {
      if (!enough([first, second])) continue;
      const eviction = priced(world, host, [first, second]);
      if (!best || compareCosts(eviction, best) < 0) best = eviction;
    }
  }
  return best;
}

/** Takes the task that covers most of what is lacking until all is covered, then spares those that prove needless. */
function greedily(world: World, host: number, options: readonly number[], lacking: readonly number[], enough: Test): Eviction | null {
  const covers = (task: number) =>
    lacking.reduce((sum, amount, d) => {
      if (amount <= 0) return sum;
      return sum + Math.trunc((1000 * Math.min(amount, at((world.tasks.shapes[task] as Shape).need, d))) / amount);
    }, 0);
  const largestFirst = [...options].sort((a, b) => covers(b) - covers(a) || options.indexOf(a) - options.indexOf(b));
  let victims: number[] = [];
  for (const task of largestFirst) {
    if (enough(victims)) break;
    if (withinBudgets(world, [...victims, task])) victims.push(task);
  }
  if (!enough(victims)) return null;
  for (const task of [...victims].reverse()) {
    const without = victims.filter((victim) => victim !== task);
    if (enough(without)) victims = without;
  }
  return priced(world, host, victims);
}

function priced(world: World, host: number, victims: readonly number[]): Eviction {
  const { tasks } = world;
  const tiers = victims.reduce((sum, task) => sum + (tasks.shapes[task] as Shape).tier, 0);
  const oldest = victims.reduce((age, task) => Math.min(age, tasks.born[task] as number), Number.MAX_SAFE_INTEGER);
  return { host, victims, cost: [victims.length, tiers, -oldest] };
}

export function compareCosts(a: Eviction, b: Eviction): number {
  for (const [i, cost] of a.cost.entries()) {
    const difference = cost - (b.cost[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.host - b.host;
}
