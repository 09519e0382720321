// What is agreed about bills: price books, who has which, commitments, reservations, credits. What they come to is rating's.
import { Module } from '@nestjs/common';
import { AccountsModule } from '../../accounts/accounts.module.js';
import { BillingModule } from '../billing.module.js';
import { ContractTerms } from './contract-terms.service.js';
import { ContractTermsStore } from './contract-terms.store.js';
import { ContractsController } from './contracts.controller.js';
import { PriceBookVersions } from './price-book-versions.service.js';
import { PriceBookVersionsStore } from './price-book-versions.store.js';
import { PriceBooksController } from './price-books.controller.js';
import { TenantPrices } from './tenant-prices.service.js';

@Module({
  imports: [AccountsModule, BillingModule],
  controllers: [PriceBooksController, ContractsController],
  providers: [ContractTerms, ContractTermsStore, PriceBookVersions, PriceBookVersionsStore, TenantPrices],
})
export class AgreementsModule {}
