// The last step of every invoice and credit note, in the caller's transaction: a number, its lines, its closing and its
// booking. All of it or nothing.
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { InvoiceLine } from './invoice-line.js';
import { InvoiceLinesStore } from './invoice-lines.store.js';
import { type Closing, type InvoiceRow, InvoicesStore } from './invoices.store.js';
import { LedgerStore } from './ledger.store.js';
import { postingsOf } from './postings.js';
import { StripeExportsStore } from './stripe-exports.store.js';

const series = { invoice: 'INV', creditNote: 'CN' } as const;

@Injectable()
export class InvoiceBooks {
  constructor(
    @Inject(InvoicesStore) private readonly invoices: InvoicesStore,
    @Inject(InvoiceLinesStore) private readonly lines: InvoiceLinesStore,
    @Inject(LedgerStore) private readonly ledger: LedgerStore,
    @Inject(StripeExportsStore) private readonly stripe: StripeExportsStore,
  ) {}

  /** A month without lines is closed without a number and without a booking. The number comes last: it is held by a lock. */
  async close(
    manager: EntityManager,
    draft: Pick<InvoiceRow, 'id' | 'tenantId' | 'kind'>,
    closing: Omit<Closing, 'number'>,
    lines: readonly InvoiceLine[],
    description: string,
  ): Promise<void> {
    await this.lines.insert(manager, draft.id, lines);
    const number = lines.length > 0 ? await this.invoices.nextNumber(manager, series[draft.kind]) : null;
    await this.invoices.close(manager, draft.id, { ...closing, number });
    if (number === null) return;
    await this.ledger.book(manager, {
      ...{ tenantId: draft.tenantId, invoiceId: draft.id, description: `${number}: ${description}` },
      ...{ currency: closing.currency, at: closing.closedAt, postings: postingsOf(closing.totals) },
    });
    await this.stripe.enqueue(manager, draft.id, draft.tenantId);
  }
}
