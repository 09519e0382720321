// SQL of budgets, their alerts and to whom those are still to be told.
import type { Budget, BudgetAlert, TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';

export interface BudgetRow {
  readonly id: string;
  readonly tenant_id: TenantId;
  readonly name: string;
  readonly amount: string;
  readonly scope: Budget['scope'];
  readonly thresholds: number[];
  readonly stops_new_work: boolean;
  readonly emails: string[];
  readonly webhook_url: string | null;
  readonly webhook_secret: Buffer | null;
  readonly exhausted_until: Date | null;
  readonly created_at: Date;
}

export interface Reached {
  readonly budget: BudgetRow;
  readonly threshold: number;
  readonly spent: string;
  readonly monthStartsAt: Date;
}

export interface DueDelivery {
  readonly alert_id: string;
  readonly kind: 'webhook' | 'email';
  readonly target: string;
  readonly threshold: number;
  readonly spent: string;
  readonly month_starts_at: Date;
  readonly at: Date;
  readonly budget: BudgetRow;
}

const columns = `b.id, b.tenant_id, b.name, b.amount::text AS amount, b.scope, b.thresholds, b.stops_new_work, b.emails, b.webhook_url,
  b.webhook_secret, b.exhausted_until, b.created_at`;
/** Tried for three days: after 5 s, 10 s, 20 s … and at last once an hour. */
const nextAttempt = `now() + least(3600, 5 * 2 ^ least(d.attempts, 12)) * interval '1 second'`;
const triedFor = `interval '3 days'`;

/** Budgets of the tenant that stop new work now. Part of the transaction that would make it. */
export function exhaustedBudgets(manager: EntityManager, tenantId: TenantId): Promise<Pick<BudgetRow, 'name' | 'scope'>[]> {
  return manager.query('SELECT name, scope FROM budgets WHERE tenant_id = $1 AND stops_new_work AND exhausted_until > now()', [tenantId]);
}

@Injectable()
export class BudgetsStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  async insert(
    tenantId: TenantId,
    row: Omit<BudgetRow, 'tenant_id' | 'exhausted_until' | 'created_at'>,
    atMost: number,
  ): Promise<'made' | 'taken' | 'full'> {
    return this.database.transaction(async (manager) => {
      await manager.query('SELECT 1 FROM tenants WHERE id = $1 FOR NO KEY UPDATE', [tenantId]);
      const [{ count }] = await manager.query('SELECT count(*)::int AS count FROM budgets WHERE tenant_id = $1', [tenantId]);
      if (count >= atMost) return 'full';
      const made = await manager.query(
        `INSERT INTO budgets (id, tenant_id, name, amount, scope, thresholds, stops_new_work, emails, webhook_url, webhook_secret)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (tenant_id, name) DO NOTHING RETURNING id`,
        [
          row.id,
          tenantId,
          row.name,
          row.amount,
          row.scope,
          row.thresholds,
          row.stops_new_work,
          row.emails,
          row.webhook_url,
          row.webhook_secret,
        ],
      );
      return made.length > 0 ? 'made' : 'taken';
    });
  }

  list(tenantId: TenantId): Promise<BudgetRow[]> {
    return this.database.query(`SELECT ${columns} FROM budgets b WHERE b.tenant_id = $1 ORDER BY b.name`, [tenantId]);
  }

  async find(tenantId: TenantId, name: string): Promise<BudgetRow | null> {
    const [row] = await this.database.query(`SELECT ${columns} FROM budgets b WHERE b.tenant_id = $1 AND b.name = $2`, [tenantId, name]);
    return row ?? null;
  }

  async delete(tenantId: TenantId, name: string): Promise<boolean> {
    const [, count] = await this.database.query('DELETE FROM budgets WHERE tenant_id = $1 AND name = $2', [tenantId, name]);
    return count > 0;
  }

  async tenants(): Promise<TenantId[]> {
    const rows: { tenant_id: TenantId }[] = await this.database.query('SELECT DISTINCT tenant_id FROM budgets');
    return rows.map(({ tenant_id }) => tenant_id);
  }

  /** Keeps what was reached, once a month each, with whom to tell; and which budgets stop new work until when. */
  async keep(reached: readonly Reached[], exhausted: ReadonlyMap<string, Date | null>): Promise<void> {
    await this.database.transaction(async (manager) => {
      await manager.query(
        `UPDATE budgets b SET exhausted_until = e.until FROM jsonb_to_recordset($1::jsonb) AS e(id uuid, until timestamptz)
         WHERE b.id = e.id AND b.exhausted_until IS DISTINCT FROM e.until`,
        [JSON.stringify([...exhausted].map(([id, until]) => ({ id, until })))],
      );
      await manager.query(
        `WITH made AS (
           INSERT INTO budget_alerts (id, budget_id, tenant_id, month_starts_at, threshold, spent)
           SELECT gen_random_uuid(), b.id, b.tenant_id, r.month, r.threshold, r.spent
           FROM jsonb_to_recordset($1::jsonb) AS r(id uuid, month timestamptz, threshold int, spent numeric) JOIN budgets b ON b.id = r.id
           ORDER BY b.id, r.threshold ON CONFLICT DO NOTHING RETURNING id, budget_id
         )
         INSERT INTO budget_deliveries (alert_id, kind, target)
         SELECT m.id, 'webhook', b.webhook_url FROM made m JOIN budgets b ON b.id = m.budget_id WHERE b.webhook_url IS NOT NULL
         UNION SELECT m.id, 'email', email FROM made m JOIN budgets b ON b.id = m.budget_id CROSS JOIN unnest(b.emails) AS email`,
        [
          JSON.stringify(
            reached.map(({ budget, threshold, spent, monthStartsAt }) => ({ id: budget.id, month: monthStartsAt, threshold, spent })),
          ),
        ],
      );
    });
  }

  /** Takes deliveries that are due, so that another process does not at the same time, and sets when they are due again. */
  async takeDue(limit: number): Promise<DueDelivery[]> {
    const [rows]: [{ alert_id: string; kind: DueDelivery['kind']; target: string }[]] = await this.database.query(
      `UPDATE budget_deliveries d SET attempts = d.attempts + 1, next_attempt_at = ${nextAttempt}
       WHERE (alert_id, kind, target) IN (
         SELECT d.alert_id, d.kind, d.target FROM budget_deliveries d JOIN budget_alerts a ON a.id = d.alert_id
         WHERE d.delivered_at IS NULL AND d.next_attempt_at <= now() AND a.at > now() - ${triedFor}
         ORDER BY d.next_attempt_at LIMIT $1 FOR UPDATE OF d SKIP LOCKED)
       RETURNING alert_id, kind, target`,
      [limit],
    );
    const alerts: (Omit<DueDelivery, 'kind' | 'target' | 'budget'> & BudgetRow)[] = await this.database.query(
      `SELECT a.id AS alert_id, a.threshold, a.spent::text AS spent, a.month_starts_at, a.at, ${columns}
       FROM budget_alerts a JOIN budgets b ON b.id = a.budget_id WHERE a.id = ANY ($1::uuid[])`,
      [rows.map(({ alert_id }) => alert_id)],
    );
    return rows.flatMap(({ alert_id, kind, target }) => {
      const alert = alerts.find((one) => one.alert_id === alert_id);
      return alert ? [{ ...alert, kind, target, budget: alert }] : [];
    });
  }

  /** @param failure null: it was delivered */
  async settle({ alert_id, kind, target }: Pick<DueDelivery, 'alert_id' | 'kind' | 'target'>, failure: string | null): Promise<void> {
    await this.database.query(
      `UPDATE budget_deliveries SET failure = $4, delivered_at = CASE WHEN $4::text IS NULL THEN now() END
       WHERE alert_id = $1 AND kind = $2 AND target = $3`,
      [alert_id, kind, target, failure],
    );
  }

  alerts(tenantId: TenantId, limit: number): Promise<BudgetAlert[]> {
    const instant = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
    return this.database.query(
      `SELECT a.id, b.name AS budget, ${instant('a.month_starts_at')} AS month, a.threshold, a.spent::text AS spent, b.amount::text AS amount,
              ${instant('a.at')} AS at,
              (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', d.kind, 'target', d.target, 'attempts', d.attempts,
                 'deliveredAt', ${instant('d.delivered_at')}, 'failure', d.failure) ORDER BY d.kind, d.target), '[]')
               FROM budget_deliveries d WHERE d.alert_id = a.id) AS deliveries
       FROM budget_alerts a JOIN budgets b ON b.id = a.budget_id WHERE a.tenant_id = $1 ORDER BY a.at DESC, a.threshold DESC LIMIT $2`,
      [tenantId, limit],
    );
  }
}
