// What an invoice is computed from, as it was when it was closed: which facts were known, and under which terms.
import type { TenantContract } from '../tenant-contract.js';

export interface RatingFacts {
  /** Facts received up to here. Null: all that are known now. */
  readonly counted: string | null;
  readonly terms: TenantContract;
}

/**
 * The terms under which a closed month is rated again to find what late facts change in it. Credits stay out of it: what
 * was left of them has been used in later months since, and must not be used twice.
 */
export function termsOfCorrections(terms: TenantContract): TenantContract {
  return { ...terms, credits: [] };
}

/** The price books that lines name, in their order of first use; lines of money only may name none. */
export function booksOf(lines: Iterable<{ readonly priceBook: string }>): string[] {
  const books = new Set<string>();
  for (const { priceBook } of lines) if (priceBook !== '') books.add(priceBook);
  return [...books].sort();
}
