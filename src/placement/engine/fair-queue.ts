// Who is next: the highest tier first, inside it the tenant with the smallest weighted dominant share, inside a tenant first
// in, first out. Dominant share: the largest of a tenant's parts of CPU, memory and GPUs (Ghodsi et al., NSDI 2011).
import { CPU, GPU, MEMORY } from './columns.js';
import { tiers } from './types.js';

export interface Waiting {
  readonly task: string;
  readonly tenant: string;
  /** Its rank: 0 spot, 1 flex, 2 guaranteed. */
  readonly tier: number;
  /** Amounts by dimension; see columns.ts. */
  readonly need: ArrayLike<number>;
  /** Order of arrival; a task that is woken keeps its own. */
  readonly order: number;
}

const shared = [CPU, MEMORY, GPU] as const;
/** Shares are integers: billionths of the fleet, divided by the tenant's weight. */
const billion = 1_000_000_000;

class Tenant<T extends Waiting> {
  readonly used = [0, 0, 0];
  weight = 1;
  /** By tier. */
  readonly lines = tiers.map(() => new Line<T>());
}

/** Entries in order of arrival. Taking the first moves an index, since shifting a long array copies it. */
class Line<T extends Waiting> {
  private readonly entries: T[] = [];
  private head = 0;

  get first(): T | undefined {
    return this.entries[this.head];
  }

  insert(entry: T): void {
    let place = this.entries.length;
    while (place > this.head && (this.entries[place - 1] as T).order > entry.order) place--;
    this.entries.splice(place, 0, entry);
  }

  take(): T | undefined {
    const entry = this.entries[this.head];
    if (entry) this.head++;
    if (this.head > 1024 && this.head * 2 > this.entries.length) {
      this.entries.splice(0, this.head);
      this.head = 0;
    }
    return entry;
  }

  leave(is: (entry: T) => boolean): T | undefined {
    const place = this.entries.findIndex((entry, i) => i >= this.head && is(entry));
    return place < 0 ? undefined : this.entries.splice(place, 1)[0];
  }
}

export class FairQueue<T extends Waiting> {
  private readonly tenants = new Map<string, Tenant<T>>();
  private totals: readonly number[] = [1, 1, 1];
  private waiting = 0;

  get size(): number {
    return this.waiting;
  }

  /** What the fleet has, by dimension. */
  setTotals(amounts: ArrayLike<number>): void {
    this.totals = shared.map((dimension) => Math.max(1, amounts[dimension] ?? 0));
  }

  /** @param weight a tenant of weight 2 may hold twice as much as one of weight 1 before it has to wait for it. */
  setWeight(tenant: string, weight: number): void {
    if (!Number.isInteger(weight) || weight < 1) throw new RangeError(`a tenant's weight must be a whole number from 1 up, not ${weight}`);
    this.of(tenant).weight = weight;
  }

  push(entry: T): void {
    this.of(entry.tenant).lines[entry.tier]?.insert(entry);
    this.waiting++;
  }

  /** Takes out whoever is next, or undefined. Count what came of it with `charge` before asking again. @param spent tenants to pass over. */
  next(spent: ReadonlySet<string>): T | undefined {
    for (let tier = tiers.length - 1; tier >= 0; tier--) {
      const tenant = this.poorest(tier, spent);
      const entry = tenant?.lines[tier]?.take();
      if (!entry) continue;
      this.waiting--;
      return entry;
    }
    return undefined;
  }

  /** @returns the tenant's entry that left, if there was one. */
  leave(tenant: string, is: (entry: T) => boolean): T | undefined {
    for (const line of this.of(tenant).lines) {
      const left = line.leave(is);
      if (!left) continue;
      this.waiting--;
      return left;
    }
    return undefined;
  }

  /** The tenant holds so much more (+1) or less (−1). */
  charge(tenant: string, need: ArrayLike<number>, sign: 1 | -1): void {
    const { used } = this.of(tenant);
    for (const [i, dimension] of shared.entries()) used[i] = (used[i] ?? 0) + sign * (need[dimension] ?? 0);
  }

  /** The tenant's dominant share, in billionths, by its weight. */
  share(tenant: string): number {
    return this.shareOf(this.of(tenant));
  }

  private poorest(tier: number, spent: ReadonlySet<string>): Tenant<T> | undefined {
    let best: Tenant<T> | undefined;
    let least = Number.MAX_SAFE_INTEGER;
    for (const [name, tenant] of this.tenants) {
      if (!tenant.lines[tier]?.first || spent.has(name)) continue;
      const share = this.shareOf(tenant);
      if (best && (share > least || (share === least && orderOf(tenant, tier) > orderOf(best, tier)))) continue;
      best = tenant;
      least = share;
    }
    return best;
  }

  private shareOf(tenant: Tenant<T>): number {
    const dominant = tenant.used.reduce((most, used, i) => Math.max(most, Math.trunc((used / (this.totals[i] ?? 1)) * billion)), 0);
    return Math.trunc(dominant / tenant.weight);
  }

  private of(name: string): Tenant<T> {
    let tenant = this.tenants.get(name);
    if (!tenant) {
      tenant = new Tenant();
      this.tenants.set(name, tenant);
    }
    return tenant;
  }
}

function orderOf<T extends Waiting>(tenant: Tenant<T>, tier: number): number {
  return tenant.lines[tier]?.first?.order ?? Number.MAX_SAFE_INTEGER;
}
