// Usage and what it costs. Invoices come later.
import { Module } from '@nestjs/common';
import { CostService } from './cost.service.js';
import { PriceBooksStore } from './price-books.store.js';
import { UsageStore } from './usage.store.js';

@Module({ providers: [CostService, UsageStore, PriceBooksStore], exports: [CostService] })
export class BillingModule {}
