// Invoices: months, the ledger, credit notes, documents, and what is handed on. What usage costs is the rest of billing's.
import { Module } from '@nestjs/common';
import { AccountsModule } from '../../accounts/accounts.module.js';
import { BillingModule } from '../billing.module.js';
import { BillingDetailsService } from './billing-details.service.js';
import { BillingDetailsStore } from './billing-details.store.js';
import { CreditNotes } from './credit-notes.service.js';
import { DraftView } from './draft-view.service.js';
import { InvoiceBooks } from './invoice-books.service.js';
import { InvoiceFiles } from './invoice-files.service.js';
import { InvoiceLinesStore } from './invoice-lines.store.js';
import { InvoiceRating } from './invoice-rating.service.js';
import { InvoiceVerifier } from './invoice-verification.service.js';
import { InvoicesController } from './invoices.controller.js';
import { Invoices } from './invoices.service.js';
import { InvoicesStore } from './invoices.store.js';
import { InvoicingController } from './invoicing.controller.js';
import { Invoicing } from './invoicing.service.js';
import { LedgerStore } from './ledger.store.js';
import { MonthClose } from './month-close.service.js';
import { MonthCloseJob } from './month-close-job.service.js';
import { StripeExport } from './stripe-export.service.js';
import { StripeExportsStore } from './stripe-exports.store.js';

@Module({
  imports: [AccountsModule, BillingModule],
  controllers: [InvoicesController, InvoicingController],
  providers: [
    ...[BillingDetailsStore, InvoicesStore, InvoiceLinesStore, LedgerStore, StripeExportsStore],
    ...[InvoiceRating, InvoiceBooks, MonthClose, MonthCloseJob, DraftView, InvoiceVerifier],
    ...[Invoices, InvoiceFiles, CreditNotes, Invoicing, BillingDetailsService, StripeExport],
  ],
})
export class InvoicesModule {}
