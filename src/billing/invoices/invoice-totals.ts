// What an invoice comes to. Lines are exact; people pay in cents: their sum is rounded once, half-even, and so is the tax
// on it. What the rounding takes or gives has a place of its own in the ledger, so nothing is lost.
import { Exact } from '../money.js';
import { minorDigits } from './currency.js';

/** Decimal strings. `subtotal`, `tax` and `total` are in the currency's smallest unit. */
export interface Totals {
  readonly exact: string;
  readonly subtotal: string;
  readonly tax: string;
  readonly total: string;
}

/** @param taxRate in percent. */
export function totalsOf(lines: Iterable<{ readonly amount: string }>, taxRate: string, currency: string): Totals {
  let sum = new Exact(0);
  for (const { amount } of lines) sum = sum.plus(amount);
  return totalsOfSum(sum.toFixed(), taxRate, currency);
}

export function totalsOfSum(exact: string, taxRate: string, currency: string): Totals {
  const digits = minorDigits(currency);
  const subtotal = new Exact(exact).toDecimalPlaces(digits);
  const tax = subtotal.times(taxRate).div(100).toDecimalPlaces(digits);
  return {
    exact: new Exact(exact).toFixed(),
    subtotal: subtotal.toFixed(digits),
    tax: tax.toFixed(digits),
    total: subtotal.plus(tax).toFixed(digits),
  };
}

/** The same amounts with the other sign: what a credit note for all of it comes to. */
export function negated(totals: Totals): Totals {
  const minus = (text: string) => {
    const value = new Exact(text);
    return (value.isZero() ? value.abs() : value.negated()).toFixed(text.split('.')[1]?.length ?? 0);
  };
  return { exact: minus(totals.exact), subtotal: minus(totals.subtotal), tax: minus(totals.tax), total: minus(totals.total) };
}
