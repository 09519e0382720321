// SQL of the ledger: only ever added to. That each transaction sums to zero, the database checks when it commits.
import { randomUUID } from 'node:crypto';
import type { TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import type { Posting } from './postings.js';

export interface LedgerTransaction {
  readonly tenantId: TenantId;
  readonly invoiceId: string;
  readonly description: string;
  readonly currency: string;
  readonly at: Date;
  readonly postings: readonly Posting[];
}

@Injectable()
export class LedgerStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** @param manager of the transaction that closes the invoice: both are there, or neither. */
  async book(manager: EntityManager, { tenantId, invoiceId, description, currency, at, postings }: LedgerTransaction): Promise<void> {
    await manager.query(
      `WITH made AS (
         INSERT INTO ledger_transactions (id, tenant_id, invoice_id, description, at) VALUES ($1, $2, $3, $4, $5) RETURNING id
       )
       INSERT INTO ledger_entries (transaction_id, position, account, currency, amount)
       SELECT made.id, p.position, p.account, $6, p.amount
       FROM made, jsonb_to_recordset($7::jsonb) AS p(position int, account text, amount numeric)`,
      [
        ...[randomUUID(), tenantId, invoiceId, description, at, currency],
        JSON.stringify(postings.map((posting, index) => ({ position: index + 1, ...posting }))),
      ],
    );
  }

  /** What the customer was booked to owe for an invoice; null when nothing was booked. */
  async owedFor(invoiceId: string): Promise<string | null> {
    const [row] = await this.database.query(
      `SELECT e.amount::text FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
       WHERE t.invoice_id = $1 AND e.account = 'receivable'`,
      [invoiceId],
    );
    return row?.amount ?? null;
  }
}
