// What one pass buys: how full each pool is by now, where its machines are, and what the next one would cost.
import type { HostSpec } from '../placement/engine/types.js';
import type { FleetModel } from './fleet-model.js';
import { countOf, hostOf, type Offer, offersOf, type PoolCount } from './offers.js';
import type { FleetView, MachineRequest, PoolView } from './types.js';

/** More in one pass would only make a mistake dearer. */
const atOnce = 100;

export class Purchases {
  readonly requests: MachineRequest[] = [];
  private readonly counts: Map<string, PoolCount>;
  /** Machines by pool and zone. */
  private readonly zones = new Map<string, number>();

  constructor(
    private readonly view: FleetView,
    private readonly model: FleetModel,
  ) {
    this.counts = new Map(view.pools.map((pool) => [pool.id, countOf(pool, view.machines)]));
    for (const { poolId, zone } of view.machines) this.countZone(poolId, zone);
  }

  get mayBuy(): boolean {
    return this.requests.length < atOnce;
  }

  offers(pools: readonly PoolView[]): Offer[] {
    const { shortages, nowMs } = this.view;
    return pools.flatMap((pool) => offersOf(pool, this.countIn(pool), shortages, nowMs));
  }

  /** How many of the pool stay, those bought now included. */
  staying(pool: PoolView): number {
    const { onDemand, spot } = this.countIn(pool);
    return onDemand + spot;
  }

  /** The lower price; then the zone where the pool has the fewest. */
  compare(one: Offer, other: Offer): number {
    const inZone = ({ pool, zone }: Offer) => this.zones.get(zoneKey(pool.id, zone)) ?? 0;
    return one.priceMicros - other.priceMicros || inZone(one) - inZone(other);
  }

  /** Asks what a machine of this kind would be worth. It is in the engine only meanwhile. */
  worthOf(offer: Offer, ask: (host: string) => number): number {
    const { engine } = this.model;
    const host = this.hostFor(offer);
    let worth = 0;
    engine.attempt(() => {
      engine.apply({ kind: 'hostUp', host });
      worth = ask(host.id);
      return false;
    });
    return worth;
  }

  /** Puts it into the engine, too. @returns its name there. */
  buy(offer: Offer, reason: string): string {
    const { pool, type, zone, market } = offer;
    const host = this.hostFor(offer);
    this.model.engine.apply({ kind: 'hostUp', host });
    const count = this.countIn(pool);
    const more = market === 'spot' ? { spot: count.spot + 1 } : { onDemand: count.onDemand + 1 };
    this.counts.set(pool.id, { ...count, ...more, present: count.present + 1 });
    this.countZone(pool.id, zone);
    this.requests.push({ poolId: pool.id, instanceType: type.name, zone, market, reason });
    return host.id;
  }

  /** Whatever is bought next has this name. */
  private hostFor({ pool, type, zone }: Offer): HostSpec {
    return hostOf(`new-${this.requests.length}`, pool, type, zone, this.model.like(pool.id, type.name));
  }

  private countIn(pool: PoolView): PoolCount {
    return this.counts.get(pool.id) ?? { present: 0, onDemand: 0, spot: 0 };
  }

  private countZone(poolId: string, zone: string): void {
    const key = zoneKey(poolId, zone);
    this.zones.set(key, (this.zones.get(key) ?? 0) + 1);
  }
}

function zoneKey(poolId: string, zone: string): string {
  return `${poolId} ${zone}`;
}
