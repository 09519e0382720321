// The host table: what every host has, what is free, and what could be freed by evicting. Knows nothing of search.
import { at, type Column, dimensions, grown, Names, vectorOf } from './columns.js';
import type { HostSpec } from './types.js';

export const UP = 1;
export const DRAINING = 2;
/** Taken whole by a task that wants its host for itself. */
export const TAKEN = 4;

export const lifetimes = 4;

/** Address slots of a host that doesn't count them. */
const unlimitedSlots = 1_000_000;

const columns = (rows: number) => dimensions.map(() => new Int32Array(rows));

export class Hosts {
  readonly zones = new Names();
  readonly specs: (HostSpec | undefined)[] = [];
  private readonly byId = new Map<string, number>();
  private readonly spare: number[] = [];

  readonly capacity: Column[] = columns(64);
  readonly free: Column[] = columns(64);
  /** Free plus what evictable tasks hold. */
  readonly reach: Column[] = columns(64);
  state: Column = new Int32Array(64);
  zone: Column = new Int32Array(64);
  pool: Column = new Int32Array(64);
  /** Which set of attributes the host has; see pools.ts. */
  kind: Column = new Int32Array(64);
  tasks: Column = new Int32Array(64);
  evictable: Column = new Int32Array(64);
  /** Tasks that want the host for themselves. */
  takers: Column = new Int32Array(64);
  /** Tasks by expected lifetime: row `host * lifetimes + lifetime`. */
  living: Column = new Int32Array(64 * lifetimes);
  firstTask: Column = new Int32Array(64).fill(-1);

  /** Handles ever given out; rows from 0 up to here may be in use. */
  get rows(): number {
    return this.specs.length;
  }

  get count(): number {
    return this.byId.size;
  }

  handle(id: string): number {
    return this.byId.get(id) ?? -1;
  }

  id(host: number): string {
    return this.specs[host]?.id ?? '';
  }

  add(spec: HostSpec): number {
    const host = this.spare.pop() ?? this.rows;
    if (host === this.state.length) this.grow();
    this.specs[host] = spec;
    this.byId.set(spec.id, host);
    this.fill(host, spec);
    this.state[host] = UP;
    return host;
  }

  remove(host: number): void {
    this.byId.delete(this.id(host));
    this.specs[host] = undefined;
    this.state[host] = 0;
    this.spare.push(host);
  }

  /** Takes back the newest `remove`. */
  restore(host: number, spec: HostSpec, state: number): void {
    this.spare.pop();
    this.specs[host] = spec;
    this.byId.set(spec.id, host);
    this.fill(host, spec);
    this.state[host] = state;
  }

  /** What the host has free or could free, one number a dimension. */
  reachOf(host: number): Column {
    return Int32Array.from(this.reach, (column) => at(column, host));
  }

  /** What all hosts have, by dimension. */
  totals(): number[] {
    return this.capacity.map((column) => this.specs.reduce((sum, spec, host) => (spec ? sum + at(column, host) : sum), 0));
  }

  /** The longest expected lifetime among the host's tasks. */
  lifetimeOf(host: number): number {
    let lifetime = lifetimes - 1;
    while (lifetime > 0 && at(this.living, host * lifetimes + lifetime) === 0) lifetime--;
    return lifetime;
  }

  private fill(host: number, spec: HostSpec): void {
    const amounts = vectorOf(spec.capacity, unlimitedSlots);
    for (const set of [this.capacity, this.free, this.reach]) {
      for (const [dimension, column] of set.entries()) column[host] = at(amounts, dimension);
    }
    this.zone[host] = this.zones.of(spec.zone);
  }

  private grow(): void {
    const rows = this.state.length * 2;
    for (const set of [this.capacity, this.free, this.reach]) for (const [d, column] of set.entries()) set[d] = grown(column, rows);
    this.state = grown(this.state, rows);
    this.zone = grown(this.zone, rows);
    this.pool = grown(this.pool, rows);
    this.kind = grown(this.kind, rows);
    this.tasks = grown(this.tasks, rows);
    this.evictable = grown(this.evictable, rows);
    this.takers = grown(this.takers, rows);
    this.living = grown(this.living, rows * lifetimes);
    this.firstTask = grown(this.firstTask, rows, -1);
  }
}
