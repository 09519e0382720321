// Credit notes: how a closed invoice is corrected. Together they take back no more than the invoice was for.
import { randomUUID } from 'node:crypto';
import type { CreditNoteInput } from '@berth/contract';
import { isId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { ApiError, notFound } from '../../errors.js';
import { type Credited, creditLines, creditOf } from './credit-lines.js';
import { InvoiceBooks } from './invoice-books.service.js';
import { hashOfLines, type InvoiceLine } from './invoice-line.js';
import { InvoiceLinesStore } from './invoice-lines.store.js';
import { type Closing, type InvoiceRow, InvoicesStore } from './invoices.store.js';

@Injectable()
export class CreditNotes {
  constructor(
    @Inject(InvoicesStore) private readonly invoices: InvoicesStore,
    @Inject(InvoiceLinesStore) private readonly lines: InvoiceLinesStore,
    @Inject(InvoiceBooks) private readonly books: InvoiceBooks,
  ) {}

  /**
   * @returns id of the credit note; of the one that is there already when it is asked for again.
   * @throws ApiError not_found, invoice_not_closed, credit_too_large, idempotency_conflict
   */
  async issue(invoiceId: string, input: CreditNoteInput, now: Date): Promise<string> {
    const invoice = isId(invoiceId) ? await this.invoices.find({ tenantId: null }, invoiceId) : null;
    if (invoice?.kind !== 'invoice') throw notFound('invoice', invoiceId);
    if (invoice.state !== 'closed') throw new ApiError('invoice_not_closed');
    const billed: InvoiceLine[] = [];
    for await (const line of this.lines.read(invoice.id)) billed.push(line);
    return this.invoices.alone(invoice.tenantId, async (manager) => {
      const { same, before } = await this.invoices.credits(manager, invoice.id, input.reference);
      if (same) return sameAsBefore(same, input);
      const credited = creditOf(invoice, before, input.amount ?? null);
      const lines = creditLines(invoice, billed, credited, input.reason);
      const id = randomUUID();
      await this.invoices.insertCreditNote(manager, { id, invoice, reason: input.reason, reference: input.reference });
      const note = { id, tenantId: invoice.tenantId, kind: 'creditNote' } as const;
      await this.books.close(manager, note, closingOf(invoice, credited, lines, now), lines, `Credit note for ${invoice.number}`);
      return id;
    });
  }
}

function sameAsBefore(same: InvoiceRow, { reference, reason, amount }: CreditNoteInput): string {
  const asked = amount === undefined || Number(same.totals?.subtotal) === -Number(amount);
  if (same.reason !== reason || !asked) throw new ApiError('idempotency_conflict', { key: reference }, { field: 'reference' });
  return same.id;
}

function closingOf(invoice: InvoiceRow, { totals }: Credited, lines: readonly InvoiceLine[], now: Date): Omit<Closing, 'number'> {
  const { currency, buyer, seller, priceBooks, taxName, taxRate } = invoice;
  if (!currency || !buyer) throw new Error(`The closed invoice ${invoice.id} lacks its currency or buyer.`);
  return {
    ...{ counted: null, terms: null, linesHash: hashOfLines(lines), lineCount: lines.length },
    ...{ currency, buyer, seller, priceBooks, taxName: taxName ?? '', taxRate: taxRate ?? '0', totals },
    ...{ closedAt: now, dueAt: now },
  };
}
