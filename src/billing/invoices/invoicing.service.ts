// What the operator does by hand: closes a tenant's months, issues credit notes.
import { type CreditNoteInput, type Invoice, type InvoiceDetail, isId, type TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { notFound } from '../../errors.js';
import { CreditNotes } from './credit-notes.service.js';
import { DraftView } from './draft-view.service.js';
import { Invoices } from './invoices.service.js';
import { InvoicesStore } from './invoices.store.js';
import { MonthClose, notOver } from './month-close.service.js';

const plain = 'service';

@Injectable()
export class Invoicing {
  constructor(
    @Inject(InvoicesStore) private readonly store: InvoicesStore,
    @Inject(Invoices) private readonly invoices: Invoices,
    @Inject(DraftView) private readonly drafts: DraftView,
    @Inject(MonthClose) private readonly months: MonthClose,
    @Inject(CreditNotes) private readonly credits: CreditNotes,
  ) {}

  /** All that are over, oldest first. @throws ApiError not_found, month_not_over, currency_mismatch */
  async close(tenant: string): Promise<{ items: Invoice[] }> {
    if (!isId(tenant)) throw notFound('tenant', tenant);
    const tenantId = tenant as TenantId;
    await this.drafts.open(tenantId);
    const draft = await this.store.draft(tenantId);
    if (!draft) throw notFound('tenant', tenant);
    const now = new Date();
    if (draft.endsAtMs > now.getTime()) throw notOver(draft);
    const at = { now, endedAt: now, counted: await this.store.counted() };
    const items: Invoice[] = [];
    for (let id = await this.months.closeNext(tenantId, at); id !== null; id = await this.months.closeNext(tenantId, at)) {
      const found = await this.store.find({ tenantId }, id);
      if (found) items.push((await this.invoices.open(tenantId, id)).head);
    }
    return { items };
  }

  /** @throws ApiError not_found, invoice_not_closed, credit_too_large, idempotency_conflict */
  async credit(invoiceId: string, input: CreditNoteInput): Promise<InvoiceDetail> {
    return this.invoices.detail(null, await this.credits.issue(invoiceId, input, new Date()), plain);
  }
}
