// What a credit note takes back: the whole of an invoice, line by line, or an amount of it.

import { ApiError } from '../../errors.js';
import { Exact } from '../money.js';
import { minorDigits } from './currency.js';
import type { InvoiceLine } from './invoice-line.js';
import { negated, type Totals, totalsOfSum } from './invoice-totals.js';

interface Invoice {
  readonly totals: Totals | null;
  readonly taxRate: string | null;
  readonly currency: string | null;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
}

export interface Credited {
  /** Negative. */
  readonly totals: Totals;
  /** Whether it is all of the invoice, so that its lines are taken back one by one. */
  readonly whole: boolean;
}

/** What the credit notes of an invoice come to so far; negative. */
export interface CreditedBefore {
  readonly subtotal: string;
  readonly tax: string;
}

/**
 * @param before what was credited of it already
 * @param amount before tax; null: all that is left
 * @throws ApiError credit_too_large, invalid_request when it has more digits than the currency
 */
export function creditOf({ totals, taxRate, currency }: Invoice, before: CreditedBefore, amount: string | null): Credited {
  if (!totals || !currency) throw new Error('Only a closed invoice can be credited.');
  const digits = minorDigits(currency);
  const left = new Exact(totals.subtotal).plus(before.subtotal);
  const asked = amount === null ? left : new Exact(amount);
  if (asked.decimalPlaces() > digits)
    throw new ApiError('invalid_request', { detail: `amount has more digits than ${currency} has: ${digits}.` }, { field: 'amount' });
  if (asked.lte(0) || asked.gt(left)) throw new ApiError('credit_too_large', { left: left.toFixed(digits), currency });
  if (asked.eq(totals.subtotal)) return { totals: negated(totals), whole: true };
  const part = totalsOfSum(asked.toFixed(), taxRate ?? '0', currency);
  // The last one takes back what is left of the tax, too: the parts' roundings must not leave a cent.
  const tax = asked.eq(left) ? new Exact(totals.tax).plus(before.tax).toFixed(digits) : part.tax;
  return { totals: negated({ ...part, tax, total: asked.plus(tax).toFixed(digits) }), whole: false };
}

export function creditLines(invoice: Invoice, billed: readonly InvoiceLine[], { totals, whole }: Credited, reason: string): InvoiceLine[] {
  if (whole) return billed.map(takenBack);
  return [
    {
      ...{ kind: 'credit', dimension: null, unit: '', quantity: '1', isolation: null, capacityTier: null, priceBook: '' },
      ...{ listPrice: totals.exact, price: totals.exact, listAmount: totals.exact, amount: totals.exact },
      ...{ definition: null, group: null, tags: '{}', userOrKey: null, note: reason, corrects: null },
      segment: { fromMs: invoice.startsAtMs, untilMs: invoice.endsAtMs },
    },
  ];
}

function takenBack(line: InvoiceLine): InvoiceLine {
  const minus = (text: string) => (Number(text) === 0 ? text : new Exact(text).negated().toFixed());
  return { ...line, quantity: minus(line.quantity), listAmount: minus(line.listAmount), amount: minus(line.amount) };
}
