// One pass of placement: takes tasks from the fair queue, asks the engine, parks what fits nowhere. Still no I/O: whoever
// calls it commits the decisions and tells it what ended.
import type { Engine } from './engine.js';
import { FairQueue, type Waiting } from './fair-queue.js';
import { Parking } from './parking.js';
import type { Shape } from './shape.js';
import type { Placement, PlaceRequest } from './types.js';

/** One task, or the tasks of a gang, which wait together. The first one's name, shape and group stand for all. */
export interface Submission {
  readonly tenant: string;
  readonly requests: readonly PlaceRequest[];
  /** Of a gang: how many must be placed for any to be. */
  readonly min: number;
}

interface Pending extends Waiting, Submission {
  readonly shape: Shape;
}

export type PlacedListener = (placement: Extract<Placement, { placed: true }>, submission: Submission) => void;

interface Holding {
  readonly tenant: string;
  readonly shape: Shape;
}

export class Dispatch {
  private readonly queue = new FairQueue<Pending>();
  private readonly parking = new Parking<Pending>();
  /** Those refused for reservations' sake: capacity that comes back in any pool may let them in. */
  private readonly unreserved = new Parking<Pending>();
  private readonly holdings = new Map<string, Holding>();
  private arrivals = 0;

  constructor(private readonly engine: Engine) {}

  get waiting(): number {
    return this.queue.size + this.parked;
  }

  /** How many of those that wait are parked, so that a pass would not look at them. */
  get parked(): number {
    return this.parking.size + this.unreserved.size;
  }

  get fairness(): Pick<FairQueue<Pending>, 'setTotals' | 'setWeight' | 'share'> {
    return this.queue;
  }

  /** @throws RangeError if there is no request in it. */
  submit(submission: Submission): void {
    const first = submission.requests[0];
    if (!first) throw new RangeError('a submission needs at least one request');
    const shape = this.engine.world.shapes.of(first.shape);
    this.queue.push({ ...submission, task: first.task, shape, tier: shape.tier, need: shape.need, order: this.arrivals++ });
  }

  /**
   * A task that waits is no longer wanted.
   * @returns the others of its gang: they don't wait any more, either, and may be submitted again. Null if it did not wait.
   */
  withdraw(tenant: string, task: string): string[] | null {
    const is = (entry: Pending) => entry.tenant === tenant && entry.requests.some((request) => request.task === task);
    const entry = this.queue.leave(tenant, is) ?? this.parking.leave(is) ?? this.unreserved.leave(is);
    return entry ? entry.requests.flatMap((request) => (request.task === task ? [] : [request.task])) : null;
  }

  /** A task is on a host already. @returns false if the host is not up or the task has a place. */
  adopt(tenant: string, request: PlaceRequest, host: string): boolean {
    if (!this.engine.adopt(request, host)) return false;
    this.hold(tenant, request);
    return true;
  }

  /** A placed task has gone, and its capacity with it. */
  ended(task: string): void {
    if (this.engine.release(task)) this.forget(task);
  }

  /** A reservation, budget or other rule changed: everything parked is worth another try. */
  reconsider(): void {
    for (const entry of [...this.parking.wakeAll(), ...this.unreserved.wakeAll()]) this.queue.push(entry);
  }

  /**
   * @param perTenant how many submissions of one tenant are looked at, so that none fills the whole pass.
   * @param enough the pass ends when so many tasks are placed; the rest waits for the next one.
   * @param placed is told of each placement as it is made, while the host is as the task found it, and of what it was submitted with.
   */
  pass(perTenant: number, enough = Number.POSITIVE_INFINITY, placed: PlacedListener = () => {}): Placement[] {
    this.wake();
    const placements: Placement[] = [];
    const looked = new Map<string, number>();
    const spent = new Set<string>();
    let count = 0;
    while (count < enough) {
      const entry = this.queue.next(spent);
      if (!entry) break;
      const tenantCount = (looked.get(entry.tenant) ?? 0) + 1;
      looked.set(entry.tenant, tenantCount);
      if (tenantCount >= perTenant) spent.add(entry.tenant);
      for (const placement of this.try(entry)) {
        placements.push(placement);
        if (!placement.placed) continue;
        count++;
        placed(placement, entry);
      }
    }
    return placements;
  }

  private try(entry: Pending): Placement[] {
    const [first] = entry.requests;
    const placements = entry.requests.length === 1 && first ? [this.engine.place(first)] : this.engine.placeGang(entry.requests, entry.min);
    const placed = placements.filter((placement) => placement.placed);
    // A task that is placed already can't be what this entry waits for: its submission is dropped.
    if (placed.length === 0 && !placements.some(isDuplicate)) this.park(entry, placements);
    for (const placement of placed) {
      for (const victim of placement.victims) this.forget(victim);
      this.hold(entry.tenant, requestOf(entry, placement.task));
    }
    if (placed.length > 0 && placed.length < entry.requests.length) this.resubmit(entry, placements);
    return placements;
  }

  /** A gang that has its least number goes on waiting for the others, one by one and in its old order. */
  private resubmit(entry: Pending, placements: readonly Placement[]): void {
    for (const [i, request] of entry.requests.entries()) {
      if (placements[i]?.placed !== false || placements[i].reason === 'duplicate') continue;
      const shape = this.engine.world.shapes.of(request.shape);
      this.park({ ...entry, requests: [request], min: 1, task: request.task, shape, need: shape.need }, [placements[i]]);
    }
  }

  /** By the shape that found no host: of a gang, that need not be the first one's. */
  private park(entry: Pending, placements: readonly Placement[]): void {
    const homeless = placements.findIndex((placement) => !placement.placed && placement.reason === 'no-host');
    const request = entry.requests[homeless];
    if (request) this.parking.park(this.engine.world.shapes.of(request.shape), entry);
    else this.unreserved.park(entry.shape, entry);
  }

  private hold(tenant: string, request: PlaceRequest): void {
    const shape = this.engine.world.shapes.of(request.shape);
    this.holdings.set(request.task, { tenant, shape });
    this.queue.charge(tenant, shape.need, 1);
  }

  private forget(task: string): void {
    const holding = this.holdings.get(task);
    if (!holding) return;
    this.holdings.delete(task);
    this.queue.charge(holding.tenant, holding.shape.need, -1);
  }

  private wake(): void {
    const { world } = this.engine;
    const woken = [...this.parking.wake(world.freed, world.pools), ...this.parking.wakeSeekers()];
    if (world.freed.size > 0) woken.push(...this.unreserved.wakeAll());
    world.freed.clear();
    for (const entry of woken) this.queue.push(entry);
  }
}

function isDuplicate(placement: Placement): boolean {
  return !placement.placed && placement.reason === 'duplicate';
}

function requestOf({ requests }: Pending, task: string): PlaceRequest {
  return requests.find((request) => request.task === task) as PlaceRequest;
}
