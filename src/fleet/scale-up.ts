// Decides which machines to ask for. What waits is packed into the fleet as it is; what is left, into one virtual machine
// of each kind on offer, and the kind is taken that costs least for what it satisfies. So again until nothing is left.
import { type FleetModel, toRequest } from './fleet-model.js';
import type { Offer } from './offers.js';
import { Purchases } from './purchases.js';
import type { Demand, FleetView, MachineRequest, MachineView, PoolView } from './types.js';

export interface Growth {
  readonly requests: readonly MachineRequest[];
  /** Machines that were to leave and are needed again. */
  readonly kept: readonly MachineView[];
}

/** Leaves what it decided in the model. @param keepable machines that drain, and need not. */
export function scaleUp(view: FleetView, model: FleetModel, staying: readonly MachineView[], keepable: readonly MachineView[]): Growth {
  const purchases = new Purchases(view, model);
  const waiting = new Waiting(model, view.pending);
  const kept = keepable.filter((machine) => keepIfNeeded(model, waiting, model.nodeOf(machine)));
  while (purchases.mayBuy && buyForWaiting(view, purchases, waiting));
  for (const pool of view.pools) {
    const nodes = [...staying, ...kept].filter(({ poolId }) => poolId === pool.id).map((machine) => model.nodeOf(machine));
    while (purchases.mayBuy && buyForReserve(model, purchases, pool, nodes));
  }
  return { requests: purchases.requests, kept };
}

/** The tasks that the fleet as it is has no room for. */
class Waiting {
  private readonly demands: { readonly demand: Demand; left: number }[];
  private tasks = 0;

  constructor(
    private readonly model: FleetModel,
    pending: readonly Demand[],
  ) {
    this.demands = pending.map((demand) => ({ demand, left: demand.count }));
    for (const entry of this.demands) entry.left -= this.fill(entry.demand, entry.left, null);
  }

  get isOver(): boolean {
    return this.demands.every(({ left }) => left === 0);
  }

  /** What one host would take of them, as one number. */
  worthOn(host: string): number {
    return this.demands.reduce((worth, { demand, left }) => worth + this.fill(demand, left, host) * worthOf(demand), 0);
  }

  /** @returns how many the host took. They wait no longer. */
  moveTo(host: string): number {
    let moved = 0;
    for (const entry of this.demands) {
      const count = this.fill(entry.demand, entry.left, host);
      entry.left -= count;
      moved += count;
    }
    return moved;
  }

  /** Places up to `most` of them. @param host only there; null: anywhere. @returns how many found a place. */
  private fill(demand: Demand, most: number, host: string | null): number {
    // What hangs on a host, a volume for example, is not helped by another one.
    if (host !== null && demand.pin?.host !== undefined) return 0;
    for (let placed = 0; placed < most; placed++) {
      const request = toRequest(`waiting-${this.tasks++}`, demand);
      const pinned = host === null ? request : { ...request, pin: { ...request.pin, host } };
      if (!this.model.engine.place(pinned).placed) return placed;
    }
    return most;
  }
}

/** CPU, memory and GPUs by what they usually cost: a CPU as 9 GiB, a GPU as 30 CPUs. */
function worthOf({ shape: { size } }: Demand): number {
  return 9 * size.cpuMillis + size.memoryMiB + 270 * (size.gpuMillis ?? 0);
}

/** What is there anyway costs nothing: it goes before anything new. */
function keepIfNeeded({ engine }: FleetModel, waiting: Waiting, host: string): boolean {
  return (
    !waiting.isOver &&
    engine.attempt(() => {
      engine.apply({ kind: 'undrain', host });
      return waiting.moveTo(host) > 0;
    })
  );
}

/** For the same cost, rather one large machine than two small ones. @returns whether there was anything of use to buy. */
function buyForWaiting(view: FleetView, purchases: Purchases, waiting: Waiting): boolean {
  if (waiting.isOver) return false;
  const useful = purchases
    .offers(view.pools)
    .map((offer) => ({ offer, worth: purchases.worthOf(offer, (host) => waiting.worthOn(host)) }))
    .filter(({ worth }) => worth > 0);
  const [best] = useful.sort((a, b) => compareCost(a, b) || b.worth - a.worth || purchases.compare(a.offer, b.offer));
  if (best) waiting.moveTo(purchases.buy(best.offer, 'tasks wait that fit on no host'));
  return best !== undefined;
}

interface Valued {
  readonly offer: Offer;
  readonly worth: number;
}

/** By cost for what is satisfied, exactly: the products are beyond what a double holds. */
function compareCost(a: Valued, b: Valued): number {
  const difference = BigInt(a.offer.priceMicros) * BigInt(b.worth) - BigInt(b.offer.priceMicros) * BigInt(a.worth);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** One more for the least that the pool keeps, or keeps idle. @param nodes of the pool; gets the name of what was bought */
function buyForReserve(model: FleetModel, purchases: Purchases, pool: PoolView, nodes: string[]): boolean {
  const { minHosts, idleHosts } = pool.settings;
  const belowMin = purchases.staying(pool) < minHosts;
  if (!belowMin && nodes.filter((node) => model.isIdle(node)).length >= idleHosts) return false;
  const [cheapest] = purchases.offers([pool]).sort((a, b) => purchases.compare(a, b));
  if (cheapest) nodes.push(purchases.buy(cheapest, belowMin ? `the pool keeps ${minHosts} machines` : `the pool keeps ${idleHosts} idle`));
  return cheapest !== undefined;
}
