// A contract with prices only: what a task or an hour costs by itself, without what belongs to the whole bill (allowances,
// steps, commitments, reservations, discount, credits).
import type { TenantContract } from './tenant-contract.js';

export function pricesOnly(contract: TenantContract): TenantContract {
  return {
    ...contract,
    discountPercent: '0',
    commitments: [],
    reservations: [],
    credits: [],
    books: contract.books.map(({ fromMs, book }) => ({
      fromMs,
      book: { ...book, freeAllowance: {}, rates: book.rates.map(({ steps: _, ...rate }) => rate) },
    })),
  };
}
