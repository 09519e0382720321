// SQL of what Stripe was told and is still to be told.
import type { TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';

export interface StripeExportRow {
  readonly invoiceId: string;
  readonly customer: string;
}

@Injectable()
export class StripeExportsStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** Of tenants that Stripe knows; others have none. @param manager of the transaction that closes the invoice */
  async enqueue(manager: EntityManager, invoiceId: string, tenantId: TenantId): Promise<void> {
    await manager.query(
      `INSERT INTO stripe_exports (invoice_id, customer)
       SELECT $1, stripe_customer FROM billing_details WHERE tenant_id = $2 AND stripe_customer IS NOT NULL`,
      [invoiceId, tenantId],
    );
  }

  /** Oldest first. */
  open(limit: number): Promise<StripeExportRow[]> {
    return this.database.query(
      'SELECT invoice_id AS "invoiceId", customer FROM stripe_exports WHERE done_at IS NULL ORDER BY created_at, invoice_id LIMIT $1',
      [limit],
    );
  }

  /** Numbers of the items that Stripe has taken. */
  async taken(invoiceId: string): Promise<Set<number>> {
    const rows: { item: number }[] = await this.database.query('SELECT item FROM stripe_items WHERE invoice_id = $1', [invoiceId]);
    return new Set(rows.map(({ item }) => item));
  }

  async keep(invoiceId: string, item: number, stripeId: string): Promise<void> {
    await this.database.query('INSERT INTO stripe_items (invoice_id, item, stripe_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [
      ...[invoiceId, item, stripeId],
    ]);
  }

  async done(invoiceId: string): Promise<void> {
    await this.database.query('UPDATE stripe_exports SET done_at = now() WHERE invoice_id = $1', [invoiceId]);
  }
}
