// Invoicing as the control plane puts it together, on a database of a test.
import type { TenantId } from '@berth/contract';
import { pino } from 'pino';
import type { DataSource } from 'typeorm';
import { SubmittersStore } from '../../src/accounts/submitters.store.js';
import { ContractsStore } from '../../src/billing/contracts.store.js';
import { BillingDetailsStore } from '../../src/billing/invoices/billing-details.store.js';
import { CreditNotes } from '../../src/billing/invoices/credit-notes.service.js';
import { DraftView } from '../../src/billing/invoices/draft-view.service.js';
import { InvoiceBooks } from '../../src/billing/invoices/invoice-books.service.js';
import type { InvoiceLine } from '../../src/billing/invoices/invoice-line.js';
import { InvoiceLinesStore } from '../../src/billing/invoices/invoice-lines.store.js';
import { InvoiceRating } from '../../src/billing/invoices/invoice-rating.service.js';
import { InvoiceVerifier } from '../../src/billing/invoices/invoice-verification.service.js';
import { Invoices } from '../../src/billing/invoices/invoices.service.js';
import { InvoicesStore } from '../../src/billing/invoices/invoices.store.js';
import { LedgerStore } from '../../src/billing/invoices/ledger.store.js';
import { MonthClose } from '../../src/billing/invoices/month-close.service.js';
import { MonthCloseJob } from '../../src/billing/invoices/month-close-job.service.js';
import { StripeExport } from '../../src/billing/invoices/stripe-export.service.js';
import { StripeExportsStore } from '../../src/billing/invoices/stripe-exports.store.js';
import { PeriodRating } from '../../src/billing/period-rating.service.js';
import { PriceBooksStore } from '../../src/billing/price-books.store.js';
import { UsageSumsStore } from '../../src/billing/usage-sums.store.js';
import type { Config } from '../../src/config.js';
import { BackgroundJobs } from '../../src/jobs/background-jobs.service.js';

export type Invoicing = ReturnType<typeof newInvoicing>;

export function newInvoicing(source: DataSource, settings: { stripe?: { key: string; url: string }; logLevel?: string } = {}) {
  const config = { invoices: { graceHours: 0, stripe: settings.stripe ?? null } } as Config;
  const logger = pino({ level: settings.logLevel ?? 'silent' });
  const rating = new PeriodRating(new ContractsStore(source, new PriceBooksStore(source)), new UsageSumsStore(source));
  const [store, lines, details] = [new InvoicesStore(source), new InvoiceLinesStore(source), new BillingDetailsStore(source)];
  const ledger = new LedgerStore(source);
  const exports = new StripeExportsStore(source);
  const invoiceRating = new InvoiceRating(rating, store, lines);
  const books = new InvoiceBooks(store, lines, ledger, exports);
  const months = new MonthClose(store, details, rating, invoiceRating, books);
  const drafts = new DraftView(store, details, rating, invoiceRating, months);
  const invoices = new Invoices(store, lines, drafts, new SubmittersStore(source));
  return {
    store,
    details,
    months,
    invoices,
    drafts,
    job: new MonthCloseJob(config, logger, new BackgroundJobs(), store, months),
    credits: new CreditNotes(store, lines, books),
    verifier: new InvoiceVerifier(store, lines, invoiceRating, ledger),
    stripe: new StripeExport(config, logger, new BackgroundJobs(), exports, invoices),
    /** Closes the open month as if it were `at`. */
    async close(tenant: TenantId, at: Date): Promise<string | null> {
      await months.open(tenant);
      return months.closeNext(tenant, { now: at, endedAt: at, counted: await store.counted() });
    },
    async linesOf(id: string): Promise<InvoiceLine[]> {
      const all: InvoiceLine[] = [];
      for await (const line of lines.read(id)) all.push(line);
      return all;
    },
  };
}
