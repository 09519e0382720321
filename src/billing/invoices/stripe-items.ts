// What Stripe is told of an invoice: one item for each thing that was used, and one for the tax. Stripe counts in the
// currency's smallest unit, and its items have to come to our total: the roundings' rest goes to those that lost most.
import { Exact } from '../money.js';
import { minorDigits } from './currency.js';
import { groupLines } from './group-lines.js';
import type { InvoiceHead } from './invoice-document.js';
import type { InvoiceLine } from './invoice-line.js';

export interface StripeItem {
  /** From 1; the same for the same invoice for ever. */
  readonly item: number;
  readonly description: string;
  /** In the smallest unit. */
  readonly amount: number;
}

export function stripeItems(head: InvoiceHead, lines: Iterable<InvoiceLine>): StripeItem[] {
  const factor = new Exact(10).pow(minorDigits(head.currency));
  const groups = groupLines(lines, 'dimension');
  const shares = apportion(
    groups.map(({ amount }) => new Exact(amount).times(factor)),
    new Exact(head.subtotal).times(factor).toNumber(),
  );
  const used = groups.map(({ name }, index) => ({ description: `${title(head)}: ${name ?? 'account'}`, amount: shares[index] ?? 0 }));
  const tax = { description: `${title(head)}: ${head.taxName} ${head.taxRate} %`, amount: new Exact(head.tax).times(factor).toNumber() };
  return [...used, tax].filter(({ amount }) => amount !== 0).map((one, index) => ({ item: index + 1, ...one }));
}

/** Whole numbers that come to `total`, each less than one away from its exact share. */
function apportion(exact: readonly Exact[], total: number): number[] {
  const floors = exact.map((one) => one.floor());
  let left = total - floors.reduce((sum, one) => sum + one.toNumber(), 0);
  const byRest = exact
    .map((one, index) => ({ index, rest: one.minus(floors[index] ?? 0) }))
    .sort((a, b) => b.rest.cmp(a.rest) || a.index - b.index);
  const shares = floors.map((one) => one.toNumber());
  for (const { index } of byRest) if (left-- > 0) shares[index] = (shares[index] ?? 0) + 1;
  return shares;
}

function title({ kind, number, period }: InvoiceHead): string {
  return `${kind === 'creditNote' ? 'Credit note' : 'Berth'} ${number} (${period})`;
}
