// Usage and what it costs. Invoices are in invoices/.
import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.js';
import { ContractsStore } from './contracts.store.js';
import { CostService } from './cost.service.js';
import { CostsController } from './costs.controller.js';
import { LiveCostsService } from './live-costs.service.js';
import { LiveUsageStore } from './live-usage.store.js';
import { PeriodRating } from './period-rating.service.js';
import { PriceBooksStore } from './price-books.store.js';
import { QuotesService } from './quotes.service.js';
import { UsageStore } from './usage.store.js';
import { UsageSumsStore } from './usage-sums.store.js';

@Module({
  imports: [AccountsModule],
  controllers: [CostsController],
  providers: [
    CostService,
    LiveCostsService,
    QuotesService,
    UsageStore,
    UsageSumsStore,
    LiveUsageStore,
    ContractsStore,
    PriceBooksStore,
    PeriodRating,
  ],
  exports: [CostService, LiveCostsService, QuotesService, LiveUsageStore, PeriodRating, ContractsStore, PriceBooksStore],
})
export class BillingModule {}
