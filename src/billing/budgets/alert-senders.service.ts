// What an alert says, as a webhook and as an e-mail.
import { Inject, Injectable } from '@nestjs/common';
import type { DueDelivery } from './budgets.store.js';
import { Mailer } from './mail.service.js';
import { Webhooks } from './webhook.service.js';

@Injectable()
export class AlertSenders {
  constructor(
    @Inject(Webhooks) private readonly webhooks: Webhooks,
    @Inject(Mailer) private readonly mailer: Mailer,
  ) {}

  /** @throws Error when it was not taken */
  send(delivery: DueDelivery, secret: string): Promise<void> {
    const { kind, target, alert_id: id, threshold, spent, budget } = delivery;
    if (kind === 'webhook') return this.webhooks.send({ url: target, secret, id, body: bodyOf(delivery) });
    const stop = budget.exhausted_until ? '\nNo new tasks that it counts are taken until the month is over.' : '';
    return this.mailer.send({
      to: target,
      id,
      subject: `Budget ${budget.name}: ${threshold} % is spent`,
      text: `${spent} of ${budget.amount} of the budget ${budget.name} are spent this month: ${threshold} % is reached.${stop}\n`,
    });
  }
}

function bodyOf({ alert_id, threshold, spent, month_starts_at, at, budget }: DueDelivery): string {
  return JSON.stringify({
    type: 'budget.threshold',
    id: alert_id,
    at: at.toISOString(),
    tenantId: budget.tenant_id,
    budget: budget.name,
    month: month_starts_at.toISOString(),
    threshold,
    spent,
    amount: budget.amount,
    stopsNewWork: budget.exhausted_until !== null,
  });
}
