// Invoices as the API shows them.
import type { Buyer, Invoice, InvoiceDetail, InvoiceLineView, Seller } from '@berth/contract';
import { nameOf } from './billing-month.js';
import type { LineGroup, MergedLine } from './group-lines.js';
import type { InvoiceHead } from './invoice-document.js';
import type { Totals } from './invoice-totals.js';
import type { InvoiceRow } from './invoices.store.js';

/** What a closed invoice keeps and a draft has yet to become. */
export interface HeadValues {
  readonly currency: string;
  readonly totals: Totals;
  readonly taxName: string;
  readonly taxRate: string;
  readonly priceBooks: readonly string[];
  readonly buyer: Buyer;
  readonly seller: Seller | null;
}

export function closedValues({ id, currency, totals, taxName, taxRate, priceBooks, buyer, seller }: InvoiceRow): HeadValues {
  if (currency === null || totals === null || buyer === null) throw new Error(`Invoice ${id} is not closed.`);
  return { currency, totals, taxName: taxName ?? '', taxRate: taxRate ?? '0', priceBooks, buyer, seller };
}

export function toInvoice(row: InvoiceRow, { currency, totals, taxName, taxRate, priceBooks }: HeadValues): Invoice {
  const { id, number, kind, state, tenantId, tenant, timeZone, corrects, correctsNumber, reason } = row;
  return {
    ...{ id, number, kind, state, tenantId, tenant, timeZone, corrects, correctsNumber, reason },
    period: nameOf(row),
    startsAt: new Date(row.startsAtMs).toISOString(),
    endsAt: new Date(row.endsAtMs).toISOString(),
    ...{ currency, taxName, taxRate, priceBooks: [...priceBooks] },
    ...{ exact: totals.exact, subtotal: totals.subtotal, tax: totals.tax, total: totals.total },
    createdAt: row.createdAt.toISOString(),
    closedAt: row.closedAt?.toISOString() ?? null,
    dueAt: row.dueAt?.toISOString() ?? null,
  };
}

export function toHead(row: InvoiceRow, values: HeadValues): InvoiceHead {
  return { ...toInvoice(row, values), buyer: values.buyer, seller: values.seller };
}

/** @param numbers of the invoices that lines correct, by id. @param labels of groups by user, by id. */
export function toDetail(
  head: InvoiceHead,
  groupBy: string,
  groups: readonly LineGroup[],
  numbers: ReadonlyMap<string, string>,
  labels: ReadonlyMap<string, string> = new Map(),
): InvoiceDetail {
  const shown = groups.map(({ name, amount, lines }) => ({
    name,
    label: labels.get(name ?? '') ?? null,
    amount,
    lines: lines.map((line) => toLine(line, numbers)),
  }));
  return { ...head, groupBy, groups: shown };
}

/** Ids of the invoices that any of the lines corrects. */
export function correctedIn(groups: readonly LineGroup[]): string[] {
  const ids = groups.flatMap(({ lines }) => lines.flatMap(({ corrects }) => (corrects === null ? [] : [corrects])));
  return [...new Set(ids)];
}

function toLine({ corrects, ...line }: MergedLine, numbers: ReadonlyMap<string, string>): InvoiceLineView {
  return { ...line, corrects: corrects === null ? null : (numbers.get(corrects) ?? corrects) };
}
