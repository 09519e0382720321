// Budgets: what tenants mean to spend, and who is told.
import { Module } from '@nestjs/common';
import { SecretsModule } from '../../secrets/secrets.module.js';
import { BillingModule } from '../billing.module.js';
import { AlertSenders } from './alert-senders.service.js';
import { BudgetAlerts } from './budget-alerts.service.js';
import { BudgetsController } from './budgets.controller.js';
import { Budgets } from './budgets.service.js';
import { BudgetsStore } from './budgets.store.js';
import { Mailer } from './mail.service.js';
import { Webhooks } from './webhook.service.js';

@Module({
  imports: [BillingModule, SecretsModule],
  controllers: [BudgetsController],
  providers: [AlertSenders, BudgetAlerts, Budgets, BudgetsStore, Mailer, Webhooks],
})
export class BudgetsModule {}
