// What late facts change in a month that is closed: the month is rated again with them, and what differs from what was
// billed becomes lines of the open month. A difference can be negative: a host was lost, and its tasks' time is not billed.
import { Exact } from '../money.js';
import type { RatedLine } from '../rated-line.js';
import { type InvoiceLine, keyOf } from './invoice-line.js';

interface Sums {
  readonly line: RatedLine;
  quantity: Exact;
  listAmount: Exact;
  amount: Exact;
}

/**
 * @param before as rated with what was known when the month, or the last correction of it, was billed
 * @param after as rated with what is known now
 * @param corrects the invoice of that month
 * @returns in the order of the lines' keys; empty when nothing changed. `before` and these together are `after`.
 */
export function correctionLines(before: readonly RatedLine[], after: readonly RatedLine[], corrects: string): InvoiceLine[] {
  const differences = new Map<string, Sums>();
  for (const line of after) add(differences, line, 1);
  for (const line of before) add(differences, line, -1);
  return [...differences]
    .filter(([, { quantity, listAmount, amount }]) => !(quantity.isZero() && listAmount.isZero() && amount.isZero()))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, sums]) => ({
      ...sums.line,
      quantity: sums.quantity.toFixed(),
      listAmount: sums.listAmount.toFixed(),
      amount: sums.amount.toFixed(),
      corrects,
    }));
}

function add(differences: Map<string, Sums>, line: RatedLine, sign: 1 | -1): void {
  const key = keyOf(line);
  const sums = differences.get(key) ?? { line, quantity: new Exact(0), listAmount: new Exact(0), amount: new Exact(0) };
  sums.quantity = sums.quantity.plus(new Exact(line.quantity).times(sign));
  sums.listAmount = sums.listAmount.plus(new Exact(line.listAmount).times(sign));
  sums.amount = sums.amount.plus(new Exact(line.amount).times(sign));
  differences.set(key, sums);
}
