// Free allowance: so much of a dimension a month costs nothing. When the book changes within the month, each book gives its
// part by time. Groups share it by what they use.
import type { Cell, Taken } from '../cell.js';
import { groupBy } from '../group-by.js';
import type { PriceBook } from '../price-book.js';
import { takeFrom } from '../share.js';
import type { BookInForce } from '../tenant-contract.js';
import { toBase } from '../units.js';
import type { Segment } from '../usage-sum.js';

export function takeAllowance(cells: readonly Cell[], books: readonly BookInForce[], period: Segment): { taken: Taken[]; rest: Cell[] } {
  const parts = [...groupBy(cells, ({ book, dimension }) => `${dimension}|${book.startsAtMs}|${book.version}`).values()].map((part) =>
    takeFrom(part, allowance(part[0] as Cell, books, period), 'free allowance'),
  );
  return { taken: parts.flatMap(({ taken }) => taken), rest: parts.flatMap(({ rest }) => rest) };
}

function allowance({ book, dimension }: Cell, books: readonly BookInForce[], period: Segment): bigint {
  const month = toBase(dimension, book.freeAllowance[dimension] ?? '0');
  return (month * BigInt(msInForce(book, books, period))) / BigInt(Math.max(1, period.untilMs - period.fromMs));
}

function msInForce(book: PriceBook, books: readonly BookInForce[], { fromMs, untilMs }: Segment): number {
  return books.reduce((sum, one, index) => {
    if (one.book !== book) return sum;
    const from = index === 0 ? fromMs : Math.max(fromMs, one.fromMs);
    return sum + Math.max(0, Math.min(untilMs, books[index + 1]?.fromMs ?? untilMs) - from);
  }, 0);
}
