// Tasks that fit nowhere, by shape. They are not tried again until a pool that could take the shape gets capacity back.
import type { Pools } from './pools.js';
import type { Shape } from './shape.js';

export class Parking<T> {
  private readonly lots = new Map<Shape, T[]>();
  private parked = 0;

  get size(): number {
    return this.parked;
  }

  park(shape: Shape, entry: T): void {
    const lot = this.lots.get(shape);
    if (lot) lot.push(entry);
    else this.lots.set(shape, [entry]);
    this.parked++;
  }

  /** Takes out the tasks whose shape could run in one of the pools. */
  wake(freed: ReadonlySet<number>, pools: Pools): T[] {
    if (freed.size === 0) return [];
    return this.take((shape) =>
      shape.eligible(pools).some(({ byWaste }) => byWaste.some((list) => list.some(({ pool }) => freed.has(pool.id)))),
    );
  }

  /** Takes out the tasks that look for others' labels: those may have come without any capacity coming back. */
  wakeSeekers(): T[] {
    return this.take((shape) => !shape.failureLasts);
  }

  /** After a change that no pool tells of, such as a reservation that grew. */
  wakeAll(): T[] {
    return this.take(() => true);
  }

  /** @returns the entry that left, if it was here. */
  leave(is: (entry: T) => boolean): T | undefined {
    for (const [shape, entries] of this.lots) {
      const place = entries.findIndex(is);
      if (place < 0) continue;
      const [left] = entries.splice(place, 1);
      this.parked--;
      if (entries.length === 0) this.lots.delete(shape);
      return left;
    }
    return undefined;
  }

  private take(wanted: (shape: Shape) => boolean): T[] {
    const woken: T[] = [];
    for (const [shape, entries] of this.lots) {
      if (!wanted(shape)) continue;
      for (const entry of entries) woken.push(entry);
      this.lots.delete(shape);
    }
    this.parked -= woken.length;
    return woken;
  }
}
