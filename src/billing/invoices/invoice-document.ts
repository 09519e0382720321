// An invoice with all that its documents (PDF, CSV, FOCUS) say about it beside its lines.
import type { Invoice, InvoiceDetail } from '@berth/contract';

export type InvoiceHead = Invoice & Pick<InvoiceDetail, 'seller' | 'buyer'>;

/** `Invoice`, `Credit note` or `Draft invoice`. */
export function titleOf({ kind, state }: Pick<Invoice, 'kind' | 'state'>): string {
  if (kind === 'creditNote') return 'Credit note';
  return state === 'draft' ? 'Draft invoice' : 'Invoice';
}

/** Name of a file, without its extension: `INV-000042`, `draft-2026-11`. */
export function fileNameOf({ number, period }: Pick<Invoice, 'number' | 'period'>): string {
  return number ?? `draft-${period}`;
}
