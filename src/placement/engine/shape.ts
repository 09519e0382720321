// A task's shape, compiled once: amounts as a vector, labels as numbers, and the pools that can ever take it.
import { at, type Column, CPU, DISK, GPU, MEMORY, NETWORK, vectorOf } from './columns.js';
import { lifetimes } from './hosts.js';
import type { Labels } from './labels.js';
import { cells, leftOver, type Pool, type Pools } from './pools.js';
import { staticMiss } from './static-filter.js';
import { type ShapeSpec, type Tier, tiers } from './types.js';

/** An eligible pool, with what of the search in it depends on the shape alone. */
export interface Target {
  readonly pool: Pool;
  /** The first cell that may have room. */
  readonly row: number;
  readonly column: number;
  /** The space that the task would leave on an empty host; see score.ts. */
  readonly leftOnEmpty: number;
}

/** The eligible pools of one zone: those of the right make first, then those whose GPUs the task would waste. */
export interface ZoneTargets {
  readonly zone: number;
  readonly byWaste: readonly [readonly Target[], readonly Target[]];
}

const noLimit = 2 ** 30;

export class Shape {
  readonly need: Column;
  readonly tier: number;
  /** The lifetime of hosts that the task looks for. */
  readonly lifetime: number;
  /** The lifetime that the task is counted with until something else is expected of it. */
  readonly startsAs: number;
  readonly maxPerHost: number;
  readonly hostPorts: readonly number[];
  readonly labels: readonly number[];
  readonly avoidsOnHost: readonly number[];
  readonly avoidsInZone: readonly number[];
  readonly seeksOnHost: readonly number[];
  readonly seeksInZone: readonly number[];
  /** Needs disk, network or GPUs. */
  readonly hasMore: boolean;
  readonly hasRules: boolean;
  readonly hasZoneRules: boolean;
  readonly countsByHost: boolean;
  readonly evictable: boolean;
  /** Whether “fails in this pool” stays true until capacity comes back. Seeking others' labels can start to work without. */
  readonly failureLasts: boolean;
  /** By pool: its epoch when the shape last failed there. */
  readonly failedAt: number[] = [];
  /** By set of attributes: whether its rules hold; filled as needed. */
  readonly kindVerdicts: (boolean | undefined)[] = [];
  private zones: readonly ZoneTargets[] = [];
  private poolsVersion = -1;

  constructor(
    readonly id: number,
    readonly spec: ShapeSpec,
    labels: Labels,
  ) {
    this.need = vectorOf(spec.size, 1);
    checkNeed(this.need);
    checkLimits(spec);
    const rules = (list: ShapeSpec['affinity'], scope: string) =>
      (list ?? []).filter((rule) => rule.scope === scope).map((rule) => labels.id(rule.label));
    this.tier = tierRank(spec.tier);
    // Of unknown tasks most end soon, but some stay: let them stay where something stays anyway.
    this.lifetime = spec.lifetime ?? lifetimes - 1;
    this.startsAs = spec.lifetime ?? 0;
    this.maxPerHost = spec.maxPerHost ?? noLimit;
    this.hostPorts = [...new Set(spec.hostPorts ?? [])];
    this.labels = [...new Set(spec.labels ?? [])].map((label) => labels.id(label));
    this.avoidsOnHost = rules(spec.antiAffinity, 'host');
    this.avoidsInZone = rules(spec.antiAffinity, 'zone');
    this.seeksOnHost = rules(spec.affinity, 'host');
    this.seeksInZone = rules(spec.affinity, 'zone');
    this.hasMore = at(this.need, DISK) + at(this.need, NETWORK) + at(this.need, GPU) > 0;
    this.hasZoneRules = this.avoidsInZone.length + this.seeksInZone.length + this.labels.length > 0;
    this.hasRules = this.hasZoneRules || this.avoidsOnHost.length + this.seeksOnHost.length > 0;
    this.countsByHost = spec.maxPerHost !== undefined || spec.spread === true;
    this.evictable = spec.tier === 'spot' || (spec.tier === 'flex' && spec.preemptible === true);
    this.failureLasts = this.seeksOnHost.length + this.seeksInZone.length === 0;
  }

  /** Eligible pools by zone, in the order in which pools came to be. Worked out again only when pools change. */
  eligible(pools: Pools): readonly ZoneTargets[] {
    if (this.poolsVersion === pools.version) return this.zones;
    const byZone = new Map<number, [Target[], Target[]]>();
    for (const pool of pools.list) {
      if (staticMiss(this.spec, pool)) continue;
      const entry = byZone.get(pool.zone) ?? [[], []];
      byZone.set(pool.zone, entry);
      entry[this.wastes(pool) ? 1 : 0].push(this.targetIn(pool));
    }
    this.zones = [...byZone].map(([zone, byWaste]) => ({ zone, byWaste }));
    this.poolsVersion = pools.version;
    return this.zones;
  }

  private targetIn(pool: Pool): Target {
    const row = pool.rowOf(at(this.need, pool.rowDimension));
    const column = pool.columnOf(at(this.need, pool.columnDimension));
    return { pool, row, column, leftOnEmpty: leftOver(pool, cells - 1 - row, cells - 1 - column) };
  }

  wastes(pool: Pool): boolean {
    return pool.hasGpus && at(this.need, GPU) === 0;
  }
}

export function tierRank(tier: Tier): number {
  return tiers.indexOf(tier);
}

function checkNeed(need: Column): void {
  if (at(need, CPU) < 1 || at(need, MEMORY) < 1) throw new RangeError('a task needs at least 1 milli-CPU and 1 MiB of memory');
  const gpu = at(need, GPU);
  if (gpu > 1000 && gpu % 1000 !== 0) throw new RangeError(`gpuMillis above 1000 must be a multiple of 1000, not ${gpu}`);
}

function checkLimits({ maxPerHost = 1, lifetime = 0, tier }: ShapeSpec): void {
  if (!Number.isInteger(maxPerHost) || maxPerHost < 1)
    throw new RangeError(`maxPerHost must be a whole number from 1 up, not ${maxPerHost}`);
  if (!Number.isInteger(lifetime) || lifetime < 0 || lifetime >= lifetimes)
    throw new RangeError(`lifetime must be 0 to ${lifetimes - 1}, not ${lifetime}`);
  if (!tiers.includes(tier)) throw new RangeError(`tier must be one of ${tiers.join(', ')}, not ${tier}`);
}

/** Shapes by content, with a shortcut for callers that pass the same object again. */
export class Shapes {
  private readonly byObject = new WeakMap<ShapeSpec, Shape>();
  private readonly byContent = new Map<string, Shape>();

  constructor(private readonly labels: Labels) {}

  of(spec: ShapeSpec): Shape {
    const known = this.byObject.get(spec);
    if (known) return known;
    const content = JSON.stringify(spec);
    const shape = this.byContent.get(content) ?? new Shape(this.byContent.size, spec, this.labels);
    this.byContent.set(content, shape);
    this.byObject.set(spec, shape);
    return shape;
  }
}
