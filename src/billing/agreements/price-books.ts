// Price books as the API takes and shows them, and which of their changes would touch what was billed.
import type { CreatePriceBook, PriceAgreementView, PriceBookView } from '@berth/contract';
import { ApiError } from '../../errors.js';
import { canonicalJson } from '../../tasks/canonical-json.js';
import type { PriceAgreement } from '../contract-of.js';
import type { PriceBook } from '../price-book.js';

export function toApiBook({ startsAtMs, rates, ...book }: PriceBook): PriceBookView {
  const shown = rates.map(({ steps, ...rate }) => ({ ...rate, ...(steps && { steps: [...steps] }) }));
  return { ...book, startsAt: new Date(startsAtMs).toISOString(), rates: shown, freeAllowance: { ...book.freeAllowance } };
}

export function toApiAgreement({ startsAtMs, bookName, overrides, discountPercent }: PriceAgreement): PriceAgreementView {
  return {
    startsAt: new Date(startsAtMs).toISOString(),
    book: bookName,
    overrides: overrides as PriceAgreementView['overrides'],
    discountPercent,
  };
}

/** Oldest first. */
export function versionsOf(books: readonly PriceBook[], name: string): PriceBook[] {
  return books.filter((book) => book.name === name).sort((a, b) => a.startsAtMs - b.startsAtMs || a.version - b.version);
}

/**
 * Which version a book that is asked for becomes.
 * @param versions of the book so far, oldest first
 * @returns `same`: the version that says the same from the same instant on
 * @throws ApiError invalid_request, mixed_currencies
 */
export function nextVersion(
  versions: readonly PriceBook[],
  { name: _, currency, startsAt, ...terms }: CreatePriceBook,
  nowMs: number,
): { same: PriceBook } | { version: number; startsAtMs: number } {
  const newest = versions.at(-1);
  const startsAtMs = startsAt === undefined ? nowMs : Date.parse(startsAt);
  if (!newest) return { version: 1, startsAtMs };
  if (newest.currency !== currency)
    throw new ApiError('mixed_currencies', {
      one: newest.currency,
      other: currency,
      where: 'price book',
      advice: 'Make a book of its own.',
    });
  const same =
    startsAt !== undefined &&
    versions.find((book) => book.startsAtMs === startsAtMs && canonicalJson(termsOf(book)) === canonicalJson(terms));
  if (same) return { same };
  if (startsAtMs < nowMs) throw invalid('must not be in the past, for prices are not changed afterwards');
  if (startsAtMs <= newest.startsAtMs) throw invalid(`must be later than that of version ${newest.version}, ${iso(newest.startsAtMs)}`);
  return { version: Math.max(...versions.map(({ version }) => version)) + 1, startsAtMs };
}

function termsOf({ name: _n, version: _v, currency: _c, startsAtMs: _s, ...terms }: PriceBook) {
  return terms;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function invalid(what: string): ApiError {
  return new ApiError('invalid_request', { detail: `startsAt ${what}.` }, { field: 'startsAt' });
}
