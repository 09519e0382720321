// How an invoice or a credit note is booked: entries that sum to zero. Debits are positive, credits negative.
import { Exact } from '../money.js';
import type { Totals } from './invoice-totals.js';

export type LedgerAccount = 'receivable' | 'revenue' | 'tax' | 'rounding';

export interface Posting {
  readonly account: LedgerAccount;
  readonly amount: string;
}

/**
 * The customer owes the total; it was earned exactly, owed to the tax office, and lost or won by rounding to cents.
 * Accounts that nothing goes to are left out, but for the first two.
 */
export function postingsOf({ exact, subtotal, tax, total }: Totals): Posting[] {
  const postings = [
    { account: 'receivable', amount: new Exact(total) },
    { account: 'revenue', amount: new Exact(exact).negated() },
    { account: 'rounding', amount: new Exact(exact).minus(subtotal) },
    { account: 'tax', amount: new Exact(tax).negated() },
  ] as const;
  return postings
    .filter(({ account, amount }) => account === 'receivable' || account === 'revenue' || !amount.isZero())
    .map(({ account, amount }) => ({ account, amount: (amount.isZero() ? amount.abs() : amount).toFixed() }));
}
