// Closes months, one tenant and one transaction at a time. Whoever is killed in it has done all of it or nothing, and
// whoever does it again finds the draft closed. Rating happens before the transaction: facts up to a number and the terms
// do not change, so there is nothing to hold a lock for.
import type { Buyer, TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { ApiError } from '../../errors.js';
import { PeriodRating } from '../period-rating.service.js';
import type { TenantContract } from '../tenant-contract.js';
import { BillingDetailsStore, type Customer } from './billing-details.store.js';
import { monthFrom, monthOf, nameOf } from './billing-month.js';
import { creditUses } from './credit-uses.js';
import { InvoiceBooks } from './invoice-books.service.js';
import { hashOfLines, type InvoiceLine } from './invoice-line.js';
import { InvoiceRating } from './invoice-rating.service.js';
import { totalsOf } from './invoice-totals.js';
import { type Closing, type InvoiceRow, InvoicesStore } from './invoices.store.js';
import { booksOf } from './rating-facts.js';

const dayMs = 86_400_000;

export interface CloseAt {
  readonly now: Date;
  /** Months that ended by then are closed. */
  readonly endedAt: Date;
  /** Which facts count: `InvoicesStore.counted`, asked for after the month was over. One number serves many tenants. */
  readonly counted: string;
}

@Injectable()
export class MonthClose {
  constructor(
    @Inject(InvoicesStore) private readonly invoices: InvoicesStore,
    @Inject(BillingDetailsStore) private readonly details: BillingDetailsStore,
    @Inject(PeriodRating) private readonly rating: PeriodRating,
    @Inject(InvoiceRating) private readonly invoiceRating: InvoiceRating,
    @Inject(InvoiceBooks) private readonly books: InvoiceBooks,
  ) {}

  /** Opens a tenant's first month, if it has none. */
  async open(tenantId: TenantId): Promise<void> {
    const [since, customer] = await Promise.all([this.invoices.firstUse(tenantId), this.details.find(tenantId)]);
    if (since && customer) await this.invoices.open(tenantId, monthOf(since.getTime(), customer.timeZone));
  }

  /**
   * Closes the open month if it is over, and opens the next.
   * @returns id of what was closed; null if the month is not over, or somebody else was faster.
   * @throws ApiError currency_mismatch: nothing has changed then
   */
  async closeNext(tenantId: TenantId, { now, endedAt, counted }: CloseAt): Promise<string | null> {
    const draft = await this.invoices.draft(tenantId);
    if (!draft || draft.endsAtMs > endedAt.getTime()) return null;
    const terms = await this.rating.contractOf(tenantId, draft);
    const lines = await this.invoiceRating.linesOf(tenantId, draft, { counted, terms });
    return this.invoices.alone(tenantId, async (manager) => {
      const still = await this.invoices.draft(tenantId, manager);
      const customer = await this.details.find(tenantId, manager);
      if (still?.id !== draft.id || !customer) return null;
      const seller = await this.details.seller(manager);
      const closing = closingOf(customer, lines, { terms, counted, now });
      await this.books.close(manager, draft, { ...closing, seller }, lines, `Invoice for ${nameOf(draft)}`);
      await this.invoices.useCredits(manager, draft, creditUses(lines, terms.credits));
      await this.invoices.open(tenantId, monthFrom(draft.endsAtMs, customer.timeZone), manager);
      return draft.id;
    });
  }
}

interface Basis {
  readonly terms: TenantContract;
  readonly counted: string;
  readonly now: Date;
}

function closingOf(customer: Customer, lines: readonly InvoiceLine[], { terms, counted, now }: Basis): Omit<Closing, 'number' | 'seller'> {
  const { currency } = terms;
  if (customer.currency !== null && customer.currency !== currency)
    throw new ApiError('currency_mismatch', { book: currency, wanted: customer.currency });
  return {
    ...{ counted, terms, currency },
    linesHash: hashOfLines(lines),
    lineCount: lines.length,
    buyer: buyerOf(customer),
    priceBooks: booksOf(lines),
    taxName: customer.taxName,
    taxRate: customer.taxRate,
    totals: totalsOf(lines, customer.taxRate, currency),
    closedAt: now,
    dueAt: new Date(now.getTime() + customer.paymentDays * dayMs),
  };
}

export function buyerOf({ legalName, tenant, address, email, taxId, reference }: Customer): Buyer {
  return { name: legalName || tenant, address, email, taxId, reference };
}

/** For the operator, who asks for it: why a month cannot be closed yet. */
export function notOver(draft: InvoiceRow): ApiError {
  return new ApiError('month_not_over', { end: new Date(draft.endsAtMs).toISOString() });
}
