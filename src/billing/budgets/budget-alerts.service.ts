// Looks at budgets every minute and tells alerts, at least once. To whom is in PostgreSQL: a queue that is lost, or a
// process that is killed in between, delays it only.
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import { LOGGER } from '../../db/db.module.js';
import { BackgroundJobs } from '../../jobs/background-jobs.service.js';
import { placeOfWebhook } from '../../secrets/places.js';
import { SecretBox } from '../../secrets/secret-box.service.js';
import { AlertSenders } from './alert-senders.service.js';
import { Budgets } from './budgets.service.js';
import { BudgetsStore, type DueDelivery } from './budgets.store.js';

const lookEveryMs = 60_000;
const tellEveryMs = 5_000;
const atOnce = 50;

@Injectable()
export class BudgetAlerts implements OnModuleInit {
  constructor(
    @Inject(BudgetsStore) private readonly store: BudgetsStore,
    @Inject(Budgets) private readonly budgets: Budgets,
    @Inject(AlertSenders) private readonly senders: AlertSenders,
    @Inject(SecretBox) private readonly box: SecretBox,
    @Inject(BackgroundJobs) private readonly jobs: BackgroundJobs,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onModuleInit(): void {
    this.jobs.add({ name: 'budgets', everyMs: lookEveryMs, run: () => this.lookAtAll() });
    this.jobs.add({ name: 'budget-alerts', everyMs: tellEveryMs, run: () => this.tell() });
  }

  async lookAtAll(): Promise<void> {
    for (const tenantId of await this.store.tenants()) {
      try {
        await this.budgets.look(tenantId);
      } catch (err) {
        this.logger.error({ err, tenantId }, 'the budgets of a tenant could not be looked at');
      }
    }
  }

  /** What is due now. @returns how many were delivered */
  async tell(): Promise<number> {
    const due = await this.store.takeDue(atOnce);
    const outcomes = await Promise.all(due.map((delivery) => this.deliver(delivery)));
    return outcomes.filter(Boolean).length;
  }

  private async deliver(delivery: DueDelivery): Promise<boolean> {
    const failure = await this.attempt(delivery);
    await this.store.settle(delivery, failure);
    if (failure !== null)
      this.logger.warn({ alertId: delivery.alert_id, kind: delivery.kind, failure }, 'a budget alert was not delivered');
    return failure === null;
  }

  private async attempt(delivery: DueDelivery): Promise<string | null> {
    try {
      const { tenant_id, id, webhook_secret } = delivery.budget;
      const secret = webhook_secret ? (await this.box.openWhole(tenant_id, placeOfWebhook(id), webhook_secret)).toString() : '';
      await this.senders.send(delivery, secret);
      return null;
    } catch (error) {
      return (error as Error).message.slice(0, 300);
    }
  }
}
