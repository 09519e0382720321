// Finds the best host for a shape through the grids. Gives the same answer as oracle.ts, short of ties and of hosts deeper
// than `probes` in a cell on the edge of the search; whether there is a host at all is always the same.
import { cellOf, EMPTY, type Grid } from './grid.js';
import type { Group } from './groups.js';
import type { HostIndex } from './host-index.js';
import { lifetimes } from './hosts.js';
import { kindMiss, type Pin, pinAllows, resourceMiss, ruleMiss, zoneMiss } from './miss.js';
import { leftOver, type Pool } from './pools.js';
import type { Shape, Target, ZoneTargets } from './shape.js';
import type { World } from './world.js';

/** How many hosts of a cell are looked at before going on to the next cell. */
const probes = 8;
/** How many further hosts of the best cell are looked at for the image. */
const imageProbes = 8;
const everything = 2 ** 30;

export class Search {
  /** Searches that had to be repeated without a limit to the depth; for measuring. */
  retries = 0;
  /** The first `count` are meant. Emptying an array would throw away its memory at every decision. */
  private readonly targets: Target[] = [];
  private count = 0;
  /** The lifetimes that hosts of the targets have, one bit each. */
  private lived = 0;
  private readonly zones: ZoneTargets[] = [];
  private host = -1;
  /** Twice the space left over, plus one if the image is missing. */
  private best = 0;
  private truncated = false;
  private limit = 0;
  private group: Group | undefined;
  private pin: Pin | undefined;

  constructor(
    private readonly world: World,
    private readonly index: HostIndex,
  ) {}

  /** @returns the best host's handle, or −1. */
  find(shape: Shape, group: Group | undefined, pin: Pin | undefined): number {
    this.group = group;
    this.pin = pin;
    const zones = this.inOrder(shape, shape.eligible(this.world.pools));
    for (let first = 0, next = 0; first < zones.length; first = next) {
      const tasks = this.tasksIn(shape, zones[first]);
      while (next < zones.length && this.tasksIn(shape, zones[next]) === tasks) next++;
      const fitting = this.inZones(shape, zones, first, next, 0);
      if (fitting >= 0) return fitting;
      const wasting = this.inZones(shape, zones, first, next, 1);
      if (wasting >= 0) return wasting;
    }
    return -1;
  }

  private inZones(shape: Shape, zones: readonly ZoneTargets[], first: number, next: number, waste: 0 | 1): number {
    this.collect(shape, zones, first, next, waste);
    return this.count === 0 ? -1 : this.inTargets(shape);
  }

  /** Pools of some zones that are worth a look: not known to fail, and with rules about their zone met. */
  private collect(shape: Shape, zones: readonly ZoneTargets[], first: number, next: number, waste: 0 | 1): void {
    this.count = 0;
    this.lived = 0;
    for (let i = first; i < next; i++) {
      const zone = zones[i] as ZoneTargets;
      if (zoneMiss(this.world, shape, zone.zone) !== null) continue;
      const targets = zone.byWaste[waste];
      for (let k = 0; k < targets.length; k++) {
        const target = targets[k] as Target;
        if (shape.failedAt[target.pool.id] === target.pool.epoch) continue;
        this.targets[this.count++] = target;
        this.lived |= this.index.grids[target.pool.id]?.lived ?? 0;
      }
    }
  }

  private tasksIn(shape: Shape, zone: ZoneTargets | undefined): number {
    return zone && this.group && shape.spec.balanceZones ? this.group.inZone(zone.zone) : 0;
  }

  /** Zones by how many of the group's tasks they have, fewest first; equals stay in order. */
  private inOrder(shape: Shape, zones: readonly ZoneTargets[]): readonly ZoneTargets[] {
    if (!shape.spec.balanceZones || !this.group || zones.length < 2) return zones;
    this.zones.length = zones.length;
    for (let i = 0; i < zones.length; i++) {
      const zone = zones[i] as ZoneTargets;
      const tasks = this.tasksIn(shape, zone);
      let place = i;
      for (; place > 0 && this.tasksIn(shape, this.zones[place - 1]) > tasks; place--)
        this.zones[place] = this.zones[place - 1] as ZoneTargets;
      this.zones[place] = zone;
    }
    return this.zones;
  }

  private inTargets(shape: Shape): number {
    const most = shape.spec.spread && this.group ? Math.min(shape.maxPerHost, this.mostOnOneHost(this.group) + 1) : shape.maxPerHost;
    for (this.limit = shape.spec.spread && this.group ? Math.min(1, most) : most; this.limit <= most; this.limit++) {
      const host = this.within(shape);
      if (host >= 0) return host;
    }
    this.remember(shape);
    return -1;
  }

  private mostOnOneHost(group: Group): number {
    let most = 0;
    for (const tasks of group.hosts.values()) if (tasks > most) most = tasks;
    return most;
  }

  private within(shape: Shape): number {
    if (!shape.spec.exclusiveHost) {
      const host = this.nonEmpty(shape, shape.lifetime, lifetimes - 1);
      if (host >= 0) return host;
      for (let lifetime = shape.lifetime - 1; lifetime >= 0; lifetime--) {
        if ((this.lived & (1 << lifetime)) === 0) continue;
        const shorter = this.nonEmpty(shape, lifetime, lifetime);
        if (shorter >= 0) return shorter;
      }
    }
    return this.empty(shape);
  }

  private nonEmpty(shape: Shape, shortest: number, longest: number): number {
    this.reset();
    this.scanAll(shape, shortest, longest, probes);
    if (this.host >= 0 || !this.truncated) return this.host;
    this.retries++;
    this.scanAll(shape, shortest, longest, everything);
    return this.host;
  }

  private scanAll(shape: Shape, shortest: number, longest: number, depth: number): void {
    for (let i = 0; i < this.count; i++) this.scan(shape, this.targets[i] as Target, shortest, longest, depth);
  }

  private empty(shape: Shape): number {
    this.reset();
    for (let i = 0; i < this.count; i++) {
      const { pool, leftOnEmpty } = this.targets[i] as Target;
      if (2 * leftOnEmpty < this.best) this.walk(shape, pool, EMPTY, leftOnEmpty, everything);
    }
    return this.host;
  }

  private reset(): void {
    this.host = -1;
    this.best = everything;
    this.truncated = false;
  }

  /** Rows upward from the request's own, until even the best cell of a row could not win any more. */
  private scan(shape: Shape, target: Target, shortest: number, longest: number, depth: number): void {
    const grid = this.index.grids[target.pool.id];
    if (!grid) return;
    for (let lifetime = shortest; lifetime <= longest; lifetime++) {
      if ((grid.lived & (1 << lifetime)) === 0) continue;
      for (let row = grid.nextRow(lifetime, target.row); row >= 0; row = grid.nextRow(lifetime, row + 1)) {
        const rows = row - target.row;
        if (2 * rows * rows >= this.best) break;
        this.scanRow(shape, target, grid, cellOf(lifetime, row, 0), rows, depth);
      }
    }
  }

  private scanRow(shape: Shape, target: Target, grid: Grid, line: number, rows: number, depth: number): void {
    const { pool } = target;
    for (let column = grid.nextColumn(line, target.column); column >= 0; column = grid.nextColumn(line, column + 1)) {
      const cost = leftOver(pool, rows, column - target.column);
      const worse = 2 * cost >= this.best;
      const found = !worse && this.walk(shape, pool, line + column, cost, depth);
      // Off balance, a later column can still be better.
      if ((worse || found) && pool.rowTilt === 0) return;
    }
  }

  /** @returns whether the cell has a host for the task. The image only decides between hosts that leave equal space. */
  private walk(shape: Shape, pool: Pool, cell: number, cost: number, depth: number): boolean {
    let left = depth;
    let found = false;
    for (let host = this.index.grids[pool.id]?.first(cell) ?? -1; host >= 0; host = this.index.after(host)) {
      if (left-- === 0) {
        this.truncated ||= !found;
        break;
      }
      if (!this.admits(shape, pool, host)) continue;
      const lacksImage = shape.spec.image !== undefined && !this.world.images.has(host, shape.spec.image);
      this.offer(host, 2 * cost + (lacksImage ? 1 : 0));
      if (!lacksImage) return true;
      if (!found) left = Math.min(left, imageProbes);
      found = true;
    }
    return found;
  }

  private offer(host: number, cost: number): void {
    if (cost >= this.best) return;
    this.best = cost;
    this.host = host;
  }

  private admits(shape: Shape, pool: Pool, host: number): boolean {
    return (
      resourceMiss(this.world, this.world.hosts.free, shape, host) === null &&
      ruleMiss(this.world, shape, this.group, this.limit, host) === null &&
      (pool.kind >= 0 || !kindMiss(this.world, shape, host)) &&
      (this.pin === undefined || pinAllows(this.world, this.pin, host))
    );
  }

  /** Failing searches are the dear ones, so a failure that nothing but returning capacity can cure is kept. */
  private remember(shape: Shape): void {
    if (!shape.failureLasts || this.pin || (this.group && shape.countsByHost)) return;
    for (let i = 0; i < this.count; i++) {
      const { pool } = this.targets[i] as Target;
      shape.failedAt[pool.id] = pool.epoch;
    }
  }
}
