// The columns of an invoice's CSV: every line with everything that it is known by.
import type { InvoiceHead } from './invoice-document.js';
import type { InvoiceLine } from './invoice-line.js';
import { describeLine } from './line-words.js';

export const csvColumns = [
  ...['invoice', 'period', 'kind', 'description', 'service', 'definition', 'user', 'tags', 'dimension', 'isolation', 'capacityTier'],
  ...['from', 'until', 'quantity', 'unit', 'listPrice', 'price', 'listAmount', 'amount', 'currency', 'priceBook', 'corrects'],
] as const;
export const csvNumbers: ReadonlySet<string> = new Set(['quantity', 'listPrice', 'price', 'listAmount', 'amount']);

export type CsvRow = Readonly<Record<(typeof csvColumns)[number], string | null>>;

/** @param numbers of the invoices that lines correct, by id. */
export function csvRow(head: InvoiceHead, line: InvoiceLine, numbers: ReadonlyMap<string, string>): CsvRow {
  const { kind, group, definition, userOrKey, tags, dimension, isolation, capacityTier } = line;
  return {
    invoice: head.number ?? 'draft',
    period: head.period,
    description: describeLine(line),
    ...{ kind, service: group, definition, user: userOrKey, tags, dimension, isolation, capacityTier },
    from: new Date(line.segment.fromMs).toISOString(),
    until: new Date(line.segment.untilMs).toISOString(),
    ...{ quantity: line.quantity, unit: line.unit, listPrice: line.listPrice, price: line.price },
    ...{ listAmount: line.listAmount, amount: line.amount, currency: head.currency, priceBook: line.priceBook },
    corrects: line.corrects === null ? null : (numbers.get(line.corrects) ?? line.corrects),
  };
}
