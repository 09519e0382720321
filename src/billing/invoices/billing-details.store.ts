// SQL of who buys and who sells.
import type { BillingDetails, putBillingDetailsSchema, Seller, TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import type { z } from 'zod';

export type BillingTerms = z.output<typeof putBillingDetailsSchema>;
/** With the name that is printed where no legal name was given. */
export type Customer = BillingDetails & { readonly tenant: string };

/** A tenant without a row of its own has the columns' defaults. */
const details = `t.id AS "tenantId", t.name AS tenant, coalesce(d.legal_name, '') AS "legalName", coalesce(d.address, '{}') AS address,
  coalesce(d.email, '') AS email, coalesce(d.tax_id, '') AS "taxId", coalesce(d.tax_name, 'VAT') AS "taxName",
  coalesce(d.tax_rate, 0)::text AS "taxRate", d.currency, coalesce(d.time_zone, 'UTC') AS "timeZone",
  coalesce(d.payment_days, 30) AS "paymentDays", coalesce(d.reference, '') AS reference, d.stripe_customer AS "stripeCustomer"`;

@Injectable()
export class BillingDetailsStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  async find(tenantId: TenantId, manager: EntityManager | DataSource = this.database): Promise<Customer | null> {
    const [row] = await manager.query(
      `SELECT ${details} FROM tenants t LEFT JOIN billing_details d ON d.tenant_id = t.id WHERE t.id = $1`,
      [tenantId],
    );
    return row ?? null;
  }

  /** @returns false when there is no such tenant. */
  async put(tenantId: TenantId, terms: BillingTerms): Promise<boolean> {
    const rows: unknown[] = await this.database.query(
      `INSERT INTO billing_details (tenant_id, legal_name, address, email, tax_id, tax_name, tax_rate, currency, time_zone, payment_days,
                                    reference, stripe_customer)
       SELECT id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 FROM tenants WHERE id = $1
       ON CONFLICT (tenant_id) DO UPDATE SET legal_name = excluded.legal_name, address = excluded.address, email = excluded.email,
         tax_id = excluded.tax_id, tax_name = excluded.tax_name, tax_rate = excluded.tax_rate, currency = excluded.currency,
         time_zone = excluded.time_zone, payment_days = excluded.payment_days, reference = excluded.reference,
         stripe_customer = excluded.stripe_customer, updated_at = now()
       RETURNING 1`,
      [
        ...[tenantId, terms.legalName, terms.address, terms.email, terms.taxId, terms.taxName, terms.taxRate, terms.currency],
        ...[terms.timeZone, terms.paymentDays, terms.reference, terms.stripeCustomer],
      ],
    );
    return rows.length > 0;
  }

  async seller(manager: EntityManager | DataSource = this.database): Promise<Seller | null> {
    const [row] = await manager.query('SELECT name, address, email, tax_id AS "taxId", bank, footer FROM billing_seller');
    return row ?? null;
  }

  async putSeller(seller: Seller): Promise<void> {
    await this.database.query(
      `INSERT INTO billing_seller (name, address, email, tax_id, bank, footer) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (one) DO UPDATE SET name = excluded.name, address = excluded.address, email = excluded.email,
         tax_id = excluded.tax_id, bank = excluded.bank, footer = excluded.footer`,
      [seller.name, seller.address, seller.email, seller.taxId, seller.bank, seller.footer],
    );
  }
}
