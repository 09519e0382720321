// Puts a tenant's contract together from its parts: which versions of which book are in force when, with its own prices in
// their place.
import { Temporal } from 'temporal-polyfill';
import type { PriceBook, Rate } from './price-book.js';
import type { BookInForce, Commitment, Credit, Reservation, TenantContract } from './tenant-contract.js';
import type { Segment } from './usage-sum.js';

/** What replaces parts of a book for one tenant. Rates replace those of the same dimension and tiers, or are added. */
export type PriceOverrides = Partial<Omit<PriceBook, 'name' | 'version' | 'currency' | 'startsAtMs'>>;

/** From then on the tenant has this book. */
export interface PriceAgreement {
  readonly startsAtMs: number;
  readonly bookName: string;
  readonly overrides: PriceOverrides;
  readonly discountPercent: string;
}

export interface ContractParts {
  readonly tenantId: string;
  readonly timeZone: string;
  /** All versions of all books that are named, in any order. */
  readonly books: readonly PriceBook[];
  readonly agreements: readonly PriceAgreement[];
  readonly commitments: readonly Commitment[];
  readonly reservations: readonly Reservation[];
  readonly credits: readonly Credit[];
}

export const defaultBook = 'default';
const always: PriceAgreement = { startsAtMs: Number.MIN_SAFE_INTEGER, bookName: defaultBook, overrides: {}, discountPercent: '0' };

/** @throws RangeError when no book is in force at the beginning of the period. */
export function contractOf(parts: ContractParts, period: Segment): TenantContract {
  const { tenantId, timeZone, commitments, reservations, credits } = parts;
  const books = booksInForce(parts).filter(
    (one, index, all) => (all[index + 1]?.fromMs ?? Number.POSITIVE_INFINITY) > period.fromMs && one.fromMs < period.untilMs,
  );
  const [first] = books;
  if (!first || first.fromMs > period.fromMs) throw new RangeError('There is no price book for this time.');
  const agreement = agreementsOf(parts).findLast(({ startsAtMs }) => startsAtMs < period.untilMs) ?? always;
  const inPeriod = <T extends { fromMs: number; untilMs: number | null }>(terms: readonly T[]) =>
    terms.filter((term) => term.fromMs < period.untilMs && (term.untilMs ?? Number.POSITIVE_INFINITY) > period.fromMs);
  return {
    tenantId,
    timeZone,
    currency: first.book.currency,
    books,
    discountPercent: agreement.discountPercent,
    commitments: inPeriod(commitments),
    reservations: inPeriod(reservations),
    credits: inPeriod(credits),
  };
}

/** The first full hour of the time zone that is not before `ms`: prices change on the hour, so that hours have one price. */
export function fullHourFrom(ms: number, timeZone: string): number {
  const at = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone);
  const floor = at.round({ smallestUnit: 'hour', roundingMode: 'floor' }).epochMilliseconds;
  return floor === ms ? ms : floor + 3_600_000;
}

function agreementsOf({ agreements }: ContractParts): PriceAgreement[] {
  return [always, ...[...agreements].sort((a, b) => a.startsAtMs - b.startsAtMs)];
}

function booksInForce(parts: ContractParts): BookInForce[] {
  const agreements = agreementsOf(parts);
  const inForce = agreements.flatMap((agreement, index) => {
    const until = agreements[index + 1]?.startsAtMs ?? Number.POSITIVE_INFINITY;
    return versionsOf(parts.books, agreement.bookName)
      .filter((book, at, all) => book.startsAtMs < until && (all[at + 1]?.startsAtMs ?? Number.POSITIVE_INFINITY) > agreement.startsAtMs)
      .map((book) => ({
        fromMs: fullHourFrom(Math.max(book.startsAtMs, agreement.startsAtMs), parts.timeZone),
        book: withOverrides(book, agreement.overrides),
      }));
  });
  return inForce.filter(({ fromMs }, index) => fromMs !== inForce[index + 1]?.fromMs);
}

function versionsOf(books: readonly PriceBook[], name: string): PriceBook[] {
  return books.filter((book) => book.name === name).sort((a, b) => a.startsAtMs - b.startsAtMs || a.version - b.version);
}

function withOverrides(book: PriceBook, overrides: PriceOverrides): PriceBook {
  if (Object.keys(overrides).length === 0) return book;
  const { rates = [], freeAllowance = {}, ...rest } = overrides;
  const kept = book.rates.filter((rate) => !rates.some((own) => sameTarget(own, rate)));
  return {
    ...book,
    ...rest,
    name: `${book.name}+own`,
    rates: [...kept, ...rates],
    freeAllowance: { ...book.freeAllowance, ...freeAllowance },
  };
}

function sameTarget(a: Rate, b: Rate): boolean {
  return a.dimension === b.dimension && a.isolation === b.isolation && a.capacityTier === b.capacityTier;
}
