// SQL of commitments, reservations and credits as they are agreed and ended. How rating reads them is in contracts.store.ts.
import type { ContractTermKind, TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { lockMonthsOf } from '../month-lock.store.js';

export interface ContractTermRow {
  readonly id: string;
  readonly kind: ContractTermKind;
  readonly name: string;
  readonly starts_at: Date;
  readonly ends_at: Date | null;
  readonly terms: Readonly<Record<string, unknown>>;
  readonly created_at: Date;
  /** Of a credit: what closed months took of it, oldest first. */
  readonly uses: readonly { readonly month: string; readonly amount: string }[];
}

export type NewContractTerm = Omit<ContractTermRow, 'created_at' | 'uses'>;

const columns = `t.id, t.kind, t.name, t.starts_at, t.ends_at, t.terms, t.created_at,
  coalesce((SELECT jsonb_agg(jsonb_build_object('month', u.month_starts_at, 'amount', u.amount::text) ORDER BY u.month_starts_at)
            FROM credit_uses u WHERE u.credit_id = t.id), '[]') AS uses`;

@Injectable()
export class ContractTermsStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** Runs `work` in a transaction in which nobody else closes a month or agrees to anything of this tenant. */
  alone<T>(tenantId: TenantId, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.database.transaction(async (manager) => {
      await lockMonthsOf(manager, tenantId);
      return work(manager);
    });
  }

  /** `openMonth`: when the tenant's open month began; null while no month was ever opened. */
  async calendarOf(manager: EntityManager, tenantId: TenantId): Promise<{ timeZone: string; openMonth: Date | null }> {
    const [row] = await manager.query(
      `SELECT coalesce((SELECT time_zone FROM billing_details WHERE tenant_id = $1), 'UTC') AS "timeZone",
              (SELECT starts_at FROM invoices WHERE tenant_id = $1 AND kind = 'invoice' AND state = 'draft') AS "openMonth"`,
      [tenantId],
    );
    return row;
  }

  /** In the order in which they were agreed. */
  list(tenantId: TenantId): Promise<ContractTermRow[]> {
    return this.database.query(`SELECT ${columns} FROM contract_terms t WHERE t.tenant_id = $1 ORDER BY t.created_at, t.id`, [tenantId]);
  }

  async find(manager: EntityManager, tenantId: TenantId, id: string): Promise<ContractTermRow | null> {
    const [row] = await manager.query(`SELECT ${columns} FROM contract_terms t WHERE t.tenant_id = $1 AND t.id = $2`, [tenantId, id]);
    return row ?? null;
  }

  async findNamed(manager: EntityManager, tenantId: TenantId, kind: ContractTermKind, name: string): Promise<ContractTermRow | null> {
    const [row] = await manager.query(
      `SELECT ${columns} FROM contract_terms t WHERE t.tenant_id = $1 AND t.kind = $2 AND t.name = $3 ORDER BY t.created_at LIMIT 1`,
      [tenantId, kind, name],
    );
    return row ?? null;
  }

  async countOpen(manager: EntityManager, tenantId: TenantId, now: Date): Promise<number> {
    const [row] = await manager.query(
      'SELECT count(*)::int AS count FROM contract_terms WHERE tenant_id = $1 AND (ends_at IS NULL OR ends_at > $2)',
      [tenantId, now],
    );
    return row.count;
  }

  async insert(manager: EntityManager, tenantId: TenantId, term: NewContractTerm): Promise<void> {
    await manager.query(
      'INSERT INTO contract_terms (id, tenant_id, kind, name, starts_at, ends_at, terms) VALUES ($1, $2, $3, $4, $5, $6, $7)',
      [...[term.id, tenantId, term.kind, term.name, term.starts_at, term.ends_at, JSON.stringify(term.terms)]],
    );
  }

  async end(manager: EntityManager, id: string, endsAt: Date): Promise<void> {
    await manager.query('UPDATE contract_terms SET ends_at = $2 WHERE id = $1', [id, endsAt]);
  }

  /** @returns false when a closed month has counted it. */
  async delete(manager: EntityManager, tenantId: TenantId, id: string): Promise<boolean> {
    const [, count] = await manager.query(
      `DELETE FROM contract_terms t WHERE t.tenant_id = $1 AND t.id = $2
         AND (t.kind = 'credit' OR NOT EXISTS (
           SELECT FROM invoices i WHERE i.tenant_id = t.tenant_id AND i.kind = 'invoice' AND i.state = 'closed'
             AND i.terms->(t.kind || 's') @> jsonb_build_array(jsonb_build_object('id', t.id))))
         AND NOT EXISTS (SELECT FROM credit_uses u WHERE u.credit_id = t.id)`,
      [tenantId, id],
    );
    return count > 0;
  }
}
