// The open month: what it would come to if it were closed now, from what hosts have reported so far.
import type { TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { PeriodRating } from '../period-rating.service.js';
import { BillingDetailsStore } from './billing-details.store.js';
import type { InvoiceLine } from './invoice-line.js';
import { InvoiceRating } from './invoice-rating.service.js';
import { totalsOf } from './invoice-totals.js';
import type { HeadValues } from './invoice-view.js';
import { type InvoiceRow, InvoicesStore } from './invoices.store.js';
import { buyerOf, MonthClose } from './month-close.service.js';
import { booksOf } from './rating-facts.js';

@Injectable()
export class DraftView {
  constructor(
    @Inject(InvoicesStore) private readonly invoices: InvoicesStore,
    @Inject(BillingDetailsStore) private readonly details: BillingDetailsStore,
    @Inject(PeriodRating) private readonly rating: PeriodRating,
    @Inject(InvoiceRating) private readonly invoiceRating: InvoiceRating,
    @Inject(MonthClose) private readonly months: MonthClose,
  ) {}

  /** Makes sure that the tenant has an open month. */
  async open(tenantId: TenantId): Promise<void> {
    if (!(await this.invoices.draft(tenantId))) await this.months.open(tenantId);
  }

  async of(draft: InvoiceRow): Promise<{ values: HeadValues; lines: InvoiceLine[] }> {
    const [customer, seller, terms] = await Promise.all([
      this.details.find(draft.tenantId),
      this.details.seller(),
      this.rating.contractOf(draft.tenantId, draft),
    ]);
    if (!customer) throw new Error(`The invoice ${draft.id} is of no tenant.`);
    const lines = await this.invoiceRating.linesOf(draft.tenantId, draft, { counted: null, terms });
    const { currency } = terms;
    const { taxName, taxRate } = customer;
    const totals = totalsOf(lines, taxRate, currency);
    return { values: { currency, totals, taxName, taxRate, priceBooks: booksOf(lines), buyer: buyerOf(customer), seller }, lines };
  }
}
