// Capacity groups: sums of what is reserved and used, so that admission is a comparison of counters. A reservation pins no
// hosts; it only keeps `flex` tasks from using up what `guaranteed` ones were promised. `spot` may, for it leaves again.
import { at, type Column, CPU, GPU, MEMORY, vectorOf } from './columns.js';
import type { Shape } from './shape.js';
import type { Refusal, Size } from './types.js';

/** What reservations are made of: CPU, memory, GPU. Sums of a large fleet exceed 31 bits, so these are plain numbers. */
type Sums = [number, number, number];

const sumsOf = (amounts: Column): Sums => [at(amounts, CPU), at(amounts, MEMORY), at(amounts, GPU)];

function addTo(sums: Sums, amounts: Column, sign: 1 | -1): void {
  sums[0] += sign * at(amounts, CPU);
  sums[1] += sign * at(amounts, MEMORY);
  sums[2] += sign * at(amounts, GPU);
}

interface Reservation {
  reserved: Sums;
  readonly used: Sums;
}

export class Capacity {
  /** Free or evictable on hosts that take tasks. */
  private readonly within: Sums = [0, 0, 0];
  /** Reserved and not in use. */
  private readonly idle: Sums = [0, 0, 0];
  private readonly groups = new Map<string, Reservation>();

  /** @returns how to take it back. */
  reserve(group: string, size: Size): () => void {
    const reservation = this.of(group);
    const before = reservation.reserved;
    const set = (reserved: Sums) => {
      this.countIdle(reservation, -1);
      reservation.reserved = reserved;
      this.countIdle(reservation, 1);
    };
    set(sumsOf(vectorOf(size, 0)));
    return () => set(before);
  }

  /** Capacity comes (+1) or goes (−1): a host, or a task that can't be evicted. */
  count(amounts: Column, sign: 1 | -1): void {
    addTo(this.within, amounts, sign);
  }

  /** A guaranteed task draws on its reservation (+1) or leaves it (−1). */
  draw(shape: Shape, sign: 1 | -1): void {
    if (shape.spec.tier !== 'guaranteed') return;
    const reservation = this.of(shape.spec.capacityGroup ?? '');
    this.countIdle(reservation, -1);
    addTo(reservation.used, shape.need, sign);
    this.countIdle(reservation, 1);
  }

  /** @returns why the task must not be placed even where it fits, or null. */
  refuses(shape: Shape): Refusal | null {
    if (shape.spec.tier === 'guaranteed') return this.isReserved(shape) ? null : 'reservation';
    if (shape.spec.tier === 'spot' || this.idle[0] + this.idle[1] + this.idle[2] === 0) return null;
    const crowds = sumsOf(shape.need).some((amount, i) => {
      const idle = this.idle[i] ?? 0;
      return amount > 0 && idle > 0 && amount > (this.within[i] ?? 0) - idle;
    });
    return crowds ? 'reserved-for-others' : null;
  }

  private isReserved(shape: Shape): boolean {
    const reservation = this.groups.get(shape.spec.capacityGroup ?? '');
    if (!reservation) return false;
    return sumsOf(shape.need).every((amount, i) => amount === 0 || (reservation.used[i] ?? 0) + amount <= (reservation.reserved[i] ?? 0));
  }

  private of(group: string): Reservation {
    let reservation = this.groups.get(group);
    if (!reservation) {
      reservation = { reserved: [0, 0, 0], used: [0, 0, 0] };
      this.groups.set(group, reservation);
    }
    return reservation;
  }

  private countIdle(reservation: Reservation, sign: 1 | -1): void {
    for (let i = 0; i < this.idle.length; i++) {
      this.idle[i] = (this.idle[i] ?? 0) + sign * Math.max(0, (reservation.reserved[i] ?? 0) - (reservation.used[i] ?? 0));
    }
  }
}
