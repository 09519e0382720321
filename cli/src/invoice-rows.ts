// Rows of tables about invoices.
import type { Invoice, InvoiceLineView } from '@berth/contract';
import { money, plainDecimal } from './format.js';

export function invoiceRow({ number, period, kind, state, total, currency, dueAt }: Invoice): string[] {
  const word = kind === 'creditNote' ? 'credit note' : 'invoice';
  return [number ?? 'draft', period, word, state, money(total, currency), (kind === 'invoice' && dueAt?.slice(0, 10)) || ''];
}

export function lineRow(group: string | null, line: InvoiceLineView): string[] {
  const tiers = [line.isolation === 'sandbox' ? 'sandbox' : '', line.capacityTier === 'flex' ? '' : (line.capacityTier ?? '')];
  const what = [line.dimension ?? '', ...tiers].filter((part) => part !== '').join(' ');
  const note = [line.note, line.corrects === null ? '' : `corrects ${line.corrects}`].filter((part) => part !== '').join('; ');
  const quantity = line.dimension === null ? '' : `${plainDecimal(line.quantity)} ${line.unit}`;
  return [group ?? '', line.kind, what, quantity, line.dimension === null ? '' : plainDecimal(line.price), plainDecimal(line.amount), note];
}
