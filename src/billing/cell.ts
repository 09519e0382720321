// A cell is what models pass on to each other: a quantity that has one price. Models take part of a cell's quantity and
// leave the rest, so that nothing is priced twice and nothing is lost.
import type { CapacityTier, Dimension, Isolation, StopCode } from '@berth/contract';
import type { PriceBook } from './price-book.js';
import type { BookInForce } from './tenant-contract.js';
import type { Segment, UsageGroup, UsageSum } from './usage-sum.js';

export interface Cell {
  readonly book: PriceBook;
  readonly dimension: Dimension;
  readonly isolation: Isolation;
  readonly capacityTier: CapacityTier;
  readonly group: UsageGroup;
  readonly purpose: 'used' | 'minimum';
  readonly fault: StopCode | null;
  readonly segment: Segment;
  readonly quantity: bigint;
}

/** Part of a cell that a model took, and why. */
export interface Taken {
  readonly cell: Cell;
  readonly note: string;
}

/** Sums of one segment, in a fixed order. Image pulls count as use where the book says so, and not at all elsewhere. */
export function toCells(sums: Iterable<UsageSum>, books: readonly BookInForce[]): Cell[] {
  return merged(cellsOf(sums, books), ({ segment }) => `${segment.fromMs}-${segment.untilMs}`);
}

/** The same cells with their segments put together, book by book. */
export function acrossSegments(cells: Iterable<Cell>): Cell[] {
  return merged(cells, () => '');
}

export function bookAt(books: readonly BookInForce[], ms: number): PriceBook {
  const found = books.findLast(({ fromMs }) => fromMs <= ms);
  if (!found) throw new RangeError('There is no price book for this time.');
  return found.book;
}

export function bookName({ name, version }: PriceBook): string {
  return `${name}:${version}`;
}

function* cellsOf(sums: Iterable<UsageSum>, books: readonly BookInForce[]): Generator<Cell> {
  for (const { purpose, tenantId: _, ...sum } of sums) {
    const book = bookAt(books, sum.segment.fromMs);
    if (sum.quantity === 0n || (purpose === 'pull' && !book.imagePull)) continue;
    yield { ...sum, book, purpose: purpose === 'pull' ? 'used' : purpose };
  }
}

function merged(cells: Iterable<Cell>, segmentKey: (cell: Cell) => string): Cell[] {
  const byKey = new Map<string, Cell>();
  for (const cell of cells) {
    const key = `${segmentKey(cell)}|${keyOf(cell)}`;
    const other = byKey.get(key);
    byKey.set(key, other ? together(other, cell) : cell);
  }
  return [...byKey].sort(inOrder).map(([, cell]) => cell);
}

/** Older books first. */
function inOrder([keyA, a]: [string, Cell], [keyB, b]: [string, Cell]): number {
  if (a.book.startsAtMs !== b.book.startsAtMs) return a.book.startsAtMs - b.book.startsAtMs;
  return keyA < keyB ? -1 : 1;
}

function together(one: Cell, other: Cell): Cell {
  const fromMs = Math.min(one.segment.fromMs, other.segment.fromMs);
  const untilMs = Math.max(one.segment.untilMs, other.segment.untilMs);
  return { ...one, quantity: one.quantity + other.quantity, segment: { fromMs, untilMs } };
}

function keyOf({ book, dimension, isolation, capacityTier, group, purpose, fault }: Cell): string {
  const { definition, group: name, tags, userOrKey } = group;
  return JSON.stringify([
    book.startsAtMs,
    bookName(book),
    dimension,
    isolation,
    capacityTier,
    definition,
    name,
    tags,
    userOrKey,
    purpose,
    fault,
  ]);
}
