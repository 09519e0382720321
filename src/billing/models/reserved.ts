// Reserved capacity: billed for every hour whether used or not; usage of the same tiers is covered by it, hour by hour, up
// to its size. What an hour leaves unused does not help the next.
import type { Dimension } from '@berth/contract';
import { acrossSegments, bookAt, type Cell, type Taken } from '../cell.js';
import { groupBy } from '../group-by.js';
import { lessPercent } from '../money.js';
import type { RatedLine } from '../rated-line.js';
import { lineOf, noGroup } from '../rated-lines.js';
import { takeFrom } from '../share.js';
import type { Reservation, TenantContract } from '../tenant-contract.js';
import type { Segment } from '../usage-sum.js';
import { pricesOf } from './per-unit.js';

const sizes = [
  ['cpu', 'cpuMillis'],
  ['memory', 'memoryMiB'],
  ['gpu', 'gpus'],
] as const satisfies readonly (readonly [Dimension, keyof Reservation])[];

/** @param segments of the period (segments.ts): a reservation begins and ends at the edge of one. */
export function reservedLines({ reservations, books }: TenantContract, segments: readonly Segment[]): RatedLine[] {
  return [...reservations].sort(byId).flatMap((reservation) => {
    const { isolation, capacityTier, discountPercent, name } = reservation;
    const cells = segments.flatMap((segment) =>
      sizes.map(
        ([dimension, field]): Cell => ({
          book: bookAt(books, segment.fromMs),
          dimension,
          isolation,
          capacityTier,
          group: noGroup,
          purpose: 'used',
          fault: null,
          segment,
          quantity: BigInt(reservation[field]) * BigInt(overlapMs(reservation, segment)),
        }),
      ),
    );
    return acrossSegments(cells.filter(({ quantity }) => quantity > 0n)).map((cell) => {
      const { listPrice, price } = pricesOf(cell);
      return lineOf(cell, { kind: 'reserved', listPrice, price: lessPercent(price.toFixed(), discountPercent), note: `reserved: ${name}` });
    });
  });
}

/** @param cells each within one segment */
export function coverByReservations(cells: readonly Cell[], reservations: readonly Reservation[]): { taken: Taken[]; rest: Cell[] } {
  let rest = cells;
  const taken: Taken[] = [];
  for (const reservation of [...reservations].sort(byId)) {
    const parts = [...groupBy(rest, (cell) => `${cell.segment.fromMs}|${isCovered(cell, reservation)}`).values()].map((part) =>
      takeFrom(part, roomOf(part[0] as Cell, reservation), `reserved: ${reservation.name}`),
    );
    taken.push(...parts.flatMap((part) => part.taken));
    rest = parts.flatMap((part) => part.rest);
  }
  return { taken, rest: [...rest] };
}

function isCovered({ isolation, capacityTier, dimension }: Cell, reservation: Reservation): string | null {
  return isolation === reservation.isolation && capacityTier === reservation.capacityTier ? dimension : null;
}

function roomOf(cell: Cell, reservation: Reservation): bigint {
  const field = isCovered(cell, reservation) && sizes.find(([dimension]) => dimension === cell.dimension)?.[1];
  return field ? BigInt(reservation[field]) * BigInt(overlapMs(reservation, cell.segment)) : 0n;
}

function overlapMs(term: Segment, segment: Segment): number {
  return Math.max(0, Math.min(term.untilMs, segment.untilMs) - Math.max(term.fromMs, segment.fromMs));
}

function byId(a: Reservation, b: Reservation): number {
  return a.id < b.id ? -1 : 1;
}
