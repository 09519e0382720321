// Tenants' budgets: made and shown here, and looked at every minute.
import { randomUUID } from 'node:crypto';
import { type Budget, type BudgetAlert, budgetLimits, type CreateBudget, type TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { ApiError, notFound } from '../../errors.js';
import { placeOfWebhook } from '../../secrets/places.js';
import { SecretBox } from '../../secrets/secret-box.service.js';
import { amountInScope } from '../cost-groups.js';
import { monthOf } from '../invoices/billing-month.js';
import { LiveCostsService } from '../live-costs.service.js';
import { type BudgetRow, BudgetsStore } from './budgets.store.js';
import { isExhausted, reachedThresholds } from './reached.js';

const alertsAtMost = 200;

@Injectable()
export class Budgets {
  constructor(
    @Inject(BudgetsStore) private readonly store: BudgetsStore,
    @Inject(LiveCostsService) private readonly costs: LiveCostsService,
    @Inject(SecretBox) private readonly box: SecretBox,
  ) {}

  /** Looked at at once: it may be spent already. @throws ApiError name_taken, too_many_budgets */
  async create(tenantId: TenantId, { webhook, stopsNewWork, ...budget }: CreateBudget): Promise<Budget> {
    const id = randomUUID();
    const secret = webhook ? await this.box.sealWhole(tenantId, placeOfWebhook(id), Buffer.from(webhook.secret)) : null;
    const row = { ...budget, id, stops_new_work: stopsNewWork, webhook_url: webhook?.url ?? null, webhook_secret: secret };
    const outcome = await this.store.insert(tenantId, row, budgetLimits.perTenant);
    if (outcome === 'full') throw new ApiError('too_many_budgets', { count: budgetLimits.perTenant });
    if (outcome === 'taken') throw new ApiError('name_taken', { what: 'budget', name: budget.name }, { field: 'name' });
    await this.look(tenantId);
    return this.get(tenantId, budget.name);
  }

  async list(tenantId: TenantId): Promise<Budget[]> {
    return (await this.store.list(tenantId)).map(toApiBudget);
  }

  /** @throws ApiError not_found */
  async get(tenantId: TenantId, name: string): Promise<Budget> {
    const row = await this.store.find(tenantId, name);
    if (!row) throw notFound('budget', name);
    return toApiBudget(row);
  }

  /** @throws ApiError not_found */
  async delete(tenantId: TenantId, name: string): Promise<void> {
    if (!(await this.store.delete(tenantId, name))) throw notFound('budget', name);
  }

  alerts(tenantId: TenantId): Promise<BudgetAlert[]> {
    return this.store.alerts(tenantId, alertsAtMost);
  }

  /** Safe to do twice, and at the same time: a threshold is kept once a month. */
  async look(tenantId: TenantId): Promise<void> {
    const budgets = await this.store.list(tenantId);
    if (budgets.length === 0) return;
    const nowMs = Date.now();
    const { soFar, contract } = await this.costs.of(tenantId, nowMs, null);
    const month = monthOf(nowMs, contract.timeZone);
    const spent = budgets.map((budget) => ({ budget, spent: amountInScope(soFar, budget.scope) }));
    const reached = spent.flatMap((one) =>
      reachedThresholds(one.budget, one.spent).map((threshold) => ({ ...one, threshold, monthStartsAt: new Date(month.startsAtMs) })),
    );
    const exhausted = spent.map((one) => [one.budget.id, isExhausted(one.budget, one.spent) ? new Date(month.endsAtMs) : null] as const);
    await this.store.keep(reached, new Map(exhausted));
  }
}

function toApiBudget(row: BudgetRow): Budget {
  return {
    id: row.id,
    name: row.name,
    amount: row.amount,
    scope: row.scope,
    thresholds: row.thresholds,
    stopsNewWork: row.stops_new_work,
    emails: row.emails,
    webhookUrl: row.webhook_url,
    exhausted: row.exhausted_until !== null && row.exhausted_until.getTime() > Date.now(),
    createdAt: row.created_at.toISOString(),
  };
}
