// From usage to money. Integers until the end: milliseconds times thousandths of a CPU, or times MiB. Owns the one
// rounding of the platform (`round`); which time is billed at all, the caller says.
import { Decimal } from 'decimal.js';

// 80 digits: a quotient that is no tie stays none, because our divisors are far smaller than 10^60.
const Exact = Decimal.clone({ precision: 80, rounding: Decimal.ROUND_HALF_EVEN, toExpNeg: -1e9, toExpPos: 1e9 });

export interface UsageInterval {
  /** Milliseconds since the epoch; the end is not part of it. */
  readonly startMs: number;
  readonly endMs: number;
  readonly cpuMillis: number;
  readonly memoryMiB: number;
}

export interface PriceBook {
  readonly name: string;
  readonly version: number;
  readonly currency: string;
  /** Valid from here until the next book starts. */
  readonly startsAtMs: number;
  /** Decimal strings: a vCPU-hour, a GiB-hour. */
  readonly prices: { readonly cpu: string; readonly memory: string };
}

export interface CostLine {
  readonly dimension: string;
  readonly quantity: string;
  readonly unit: string;
  readonly price: string;
  readonly amount: string;
}

export interface Rated {
  readonly durationMs: number;
  readonly total: string;
  readonly lines: readonly CostLine[];
  /** Those that were used, oldest first. */
  readonly books: readonly PriceBook[];
}

const msPerHour = 3_600_000n;
const dimensions = [
  { dimension: 'cpu', unit: 'vCPU-hour', size: 'cpuMillis', perUnit: 1000n },
  { dimension: 'memory', unit: 'GiB-hour', size: 'memoryMiB', perUnit: 1024n },
] as const;

/**
 * Prices intervals, each part of one by the book that was valid at the time of use. The order of intervals and where
 * they are cut make no difference.
 * @param books of one currency, oldest first; the first one must start before every interval.
 */
export function rate(intervals: readonly UsageInterval[], books: readonly PriceBook[]): Rated {
  const used = books
    .map((book, index) => ({ book, part: within(intervals, book.startsAtMs, books[index + 1]?.startsAtMs ?? Number.POSITIVE_INFINITY) }))
    .filter(({ part }) => part.length > 0);
  const lines = used.flatMap(({ book, part }) => dimensions.map((dimension) => toLine(part, book, dimension)));
  return {
    durationMs: intervals.reduce((sum, one) => sum + (one.endMs - one.startMs), 0),
    total: lines.reduce((sum, line) => sum.plus(line.amount), new Exact(0)).toFixed(),
    lines,
    books: used.map(({ book }) => book),
  };
}

/** What an hour at this size costs. */
export function pricePerHour(size: { readonly cpuMillis: number; readonly memoryMiB: number }, book: PriceBook): string {
  return dimensions
    .reduce(
      (sum, one) => sum.plus(round(new Exact(size[one.size]).div(one.perUnit.toString()).times(book.prices[one.dimension]))),
      new Exact(0),
    )
    .toFixed();
}

function toLine(
  part: readonly UsageInterval[],
  book: PriceBook,
  { dimension, unit, size, perUnit }: (typeof dimensions)[number],
): CostLine {
  const used = part.reduce((sum, one) => sum + BigInt(one.endMs - one.startMs) * BigInt(one[size]), 0n);
  const quantity = new Exact(used.toString()).div((msPerHour * perUnit).toString());
  const price = new Exact(book.prices[dimension]);
  return { dimension, quantity: round(quantity).toFixed(), unit, price: price.toFixed(), amount: round(quantity.times(price)).toFixed() };
}

/** The parts of the intervals in [fromMs, untilMs). */
function within(intervals: readonly UsageInterval[], fromMs: number, untilMs: number): UsageInterval[] {
  return intervals
    .map((one) => ({ ...one, startMs: Math.max(one.startMs, fromMs), endMs: Math.min(one.endMs, untilMs) }))
    .filter((one) => one.endMs > one.startMs);
}

/** Half-even to 12 decimals: a trillionth of a dollar. */
function round(value: Decimal): Decimal {
  return value.toDecimalPlaces(12, Decimal.ROUND_HALF_EVEN);
}
