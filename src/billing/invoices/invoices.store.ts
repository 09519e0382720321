// SQL of invoices. A month is an invoice from its first day on: a draft until it is closed, and then never changed again.
import { randomUUID } from 'node:crypto';
import type { Buyer, InvoiceKind, InvoiceState, Seller, TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { lockMonthsOf } from '../month-lock.store.js';
import type { TenantContract } from '../tenant-contract.js';
import type { BillingPeriod } from './billing-month.js';
import type { CreditedBefore } from './credit-lines.js';
import type { CreditUse } from './credit-uses.js';
import type { Totals } from './invoice-totals.js';

/** As in migrations/1766070000000-invoices.ts. */
const factsLock = 7_070_711;
/** For a moment of nobody adding facts; whoever asks asks again. */
const lockWithinMs = 5_000;

export interface InvoiceRow extends BillingPeriod {
  readonly id: string;
  readonly tenantId: TenantId;
  readonly tenant: string;
  readonly kind: InvoiceKind;
  readonly state: InvoiceState;
  readonly number: string | null;
  /** Facts received up to here were counted; null: a draft, or a credit note. */
  readonly counted: string | null;
  readonly terms: TenantContract | null;
  readonly linesHash: Buffer | null;
  readonly lineCount: number;
  readonly currency: string | null;
  readonly buyer: Buyer | null;
  readonly seller: Seller | null;
  readonly priceBooks: readonly string[];
  readonly taxName: string | null;
  readonly taxRate: string | null;
  readonly totals: Totals | null;
  readonly corrects: string | null;
  readonly correctsNumber: string | null;
  readonly reason: string | null;
  readonly reference: string | null;
  readonly createdAt: Date;
  readonly closedAt: Date | null;
  readonly dueAt: Date | null;
}

/** What becomes of a draft, or of a credit note. */
export interface Closing {
  readonly number: string | null;
  readonly counted: string | null;
  readonly terms: TenantContract | null;
  readonly linesHash: Buffer;
  readonly lineCount: number;
  readonly currency: string;
  readonly buyer: Buyer;
  readonly seller: Seller | null;
  readonly priceBooks: readonly string[];
  readonly taxName: string;
  readonly taxRate: string;
  readonly totals: Totals;
  readonly closedAt: Date;
  readonly dueAt: Date;
}

export interface Filter {
  /** Null: of all tenants. */
  readonly tenantId: TenantId | null;
  readonly state: InvoiceState | null;
}

const columns = `i.id, i.tenant_id AS "tenantId", t.name AS tenant, i.kind, i.state, i.number, i.counted, i.terms,
  i.lines_hash AS "linesHash", i.line_count AS "lineCount", i.currency, i.buyer, i.seller, i.price_books AS "priceBooks",
  i.tax_name AS "taxName", i.tax_rate AS "taxRate", i.exact, i.subtotal, i.tax, i.total, i.corrects, c.number AS "correctsNumber",
  i.reason, i.reference, i.created_at AS "createdAt", i.closed_at AS "closedAt", i.due_at AS "dueAt",
  i.starts_at, i.ends_at, i.time_zone AS "timeZone"`;
const tables = 'invoices i JOIN tenants t ON t.id = i.tenant_id LEFT JOIN invoices c ON c.id = i.corrects';
/** A month in which nothing was billed is kept, for the next one continues it, and not shown. */
const shown = "(i.state = 'draft' OR i.number IS NOT NULL)";

@Injectable()
export class InvoicesStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** A number that every fact known by now is at or below, and every later one above. */
  counted(): Promise<string> {
    return this.database.transaction(async (manager) => {
      await manager.query(`SET LOCAL lock_timeout = ${lockWithinMs}`);
      await manager.query('SELECT pg_advisory_xact_lock($1)', [factsLock]);
      const [row] = await manager.query('SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS counted FROM billing_received');
      return row.counted;
    });
  }

  /** Runs `work` in a transaction in which nobody else closes or credits anything of this tenant. */
  alone<T>(tenantId: TenantId, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.database.transaction(async (manager) => {
      await lockMonthsOf(manager, tenantId);
      return work(manager);
    });
  }

  /** When a tenant's first month must begin at the latest; null when there is no such tenant. */
  async firstUse(tenantId: TenantId): Promise<Date | null> {
    const [row] = await this.database.query(
      `SELECT least(created_at, (SELECT started_at FROM usage_records WHERE tenant_id = $1 ORDER BY ended_at LIMIT 1)) AS at
       FROM tenants WHERE id = $1`,
      [tenantId],
    );
    return row?.at ?? null;
  }

  /** Opens a month unless one is open, or this one is there. */
  async open(tenantId: TenantId, { startsAtMs, endsAtMs, timeZone }: BillingPeriod, manager: EntityManager | DataSource = this.database) {
    await manager.query(
      `INSERT INTO invoices (id, tenant_id, kind, starts_at, ends_at, time_zone) VALUES ($1, $2, 'invoice', $3, $4, $5)
       ON CONFLICT DO NOTHING`,
      [randomUUID(), tenantId, new Date(startsAtMs), new Date(endsAtMs), timeZone],
    );
  }

  /** Tenants without any month yet. */
  async tenantsWithoutMonth(limit: number): Promise<TenantId[]> {
    const rows: { id: TenantId }[] = await this.database.query(
      'SELECT id FROM tenants t WHERE NOT EXISTS (SELECT FROM invoices WHERE tenant_id = t.id) ORDER BY id LIMIT $1',
      [limit],
    );
    return rows.map(({ id }) => id);
  }

  /** Tenants whose open month ended at or before a time, by id. */
  async tenantsDue(endedAt: Date, after: string | null, limit: number): Promise<TenantId[]> {
    const rows: { tenant_id: TenantId }[] = await this.database.query(
      `SELECT tenant_id FROM invoices WHERE state = 'draft' AND ends_at <= $1 AND ($2::uuid IS NULL OR tenant_id > $2)
       ORDER BY tenant_id LIMIT $3`,
      [endedAt, after, limit],
    );
    return rows.map((row) => row.tenant_id);
  }

  async draft(tenantId: TenantId, manager: EntityManager | DataSource = this.database): Promise<InvoiceRow | null> {
    const [row] = await manager.query(`SELECT ${columns} FROM ${tables} WHERE i.tenant_id = $1 AND i.state = 'draft'`, [tenantId]);
    return row ? toRow(row) : null;
  }

  /** Closed months that end after `endsAfter`, oldest first. */
  async closedMonths(tenantId: TenantId, endsAfter: Date): Promise<InvoiceRow[]> {
    const rows = await this.database.query(
      `SELECT ${columns} FROM ${tables}
       WHERE i.tenant_id = $1 AND i.kind = 'invoice' AND i.state = 'closed' AND i.ends_at > $2 ORDER BY i.starts_at`,
      [tenantId, endsAfter],
    );
    return rows.map(toRow);
  }

  /** The month before the one that starts at a time; null for the first. */
  async monthBefore(tenantId: TenantId, startsAt: Date): Promise<InvoiceRow | null> {
    const [row] = await this.database.query(
      `SELECT ${columns} FROM ${tables} WHERE i.tenant_id = $1 AND i.kind = 'invoice' AND i.ends_at <= $2 ORDER BY i.ends_at DESC LIMIT 1`,
      [tenantId, startsAt],
    );
    return row ? toRow(row) : null;
  }

  async find(
    filter: Pick<Filter, 'tenantId'>,
    id: string,
    manager: EntityManager | DataSource = this.database,
  ): Promise<InvoiceRow | null> {
    const [row] = await manager.query(
      `SELECT ${columns} FROM ${tables} WHERE i.id = $1 AND ($2::uuid IS NULL OR i.tenant_id = $2) AND ${shown}`,
      [id, filter.tenantId],
    );
    return row ? toRow(row) : null;
  }

  /** Newest first, from before the place. */
  async list({ tenantId, state }: Filter, before: readonly [createdAt: string, id: string] | null, limit: number): Promise<InvoiceRow[]> {
    const rows = await this.database.query(
      `SELECT ${columns} FROM ${tables}
       WHERE ($1::uuid IS NULL OR i.tenant_id = $1) AND ($2::text IS NULL OR i.state = $2) AND ${shown}
         AND ($3::timestamptz IS NULL OR (date_trunc('milliseconds', i.created_at), i.id) < ($3, $4::uuid))
       ORDER BY date_trunc('milliseconds', i.created_at) DESC, i.id DESC LIMIT $5`,
      [tenantId, state, before?.[0] ?? null, before?.[1] ?? null, limit],
    );
    return rows.map(toRow);
  }

  /** The next number of a series. Whoever asks next waits until this transaction ends, so that there are no gaps. */
  async nextNumber(manager: EntityManager, series: string): Promise<string> {
    const [row] = await manager.query(
      `INSERT INTO invoice_series AS s (series, last) VALUES ($1, 1) ON CONFLICT (series) DO UPDATE SET last = s.last + 1
       RETURNING last`,
      [series],
    );
    return `${series}-${String(row.last).padStart(6, '0')}`;
  }

  async insertCreditNote(
    manager: EntityManager,
    note: { id: string; invoice: InvoiceRow; reason: string; reference: string },
  ): Promise<void> {
    const { invoice } = note;
    await manager.query(
      `INSERT INTO invoices (id, tenant_id, kind, state, starts_at, ends_at, time_zone, corrects, reason, reference)
       VALUES ($1, $2, 'creditNote', 'draft', $3, $4, $5, $6, $7, $8)`,
      [
        ...[note.id, invoice.tenantId, new Date(invoice.startsAtMs), new Date(invoice.endsAtMs), invoice.timeZone],
        ...[invoice.id, note.reason, note.reference],
      ],
    );
  }

  async close(manager: EntityManager, id: string, closing: Closing): Promise<void> {
    const { totals } = closing;
    await manager.query(
      `UPDATE invoices SET state = 'closed', number = $2, counted = $3, terms = $4, lines_hash = $5, line_count = $6, currency = $7,
              buyer = $8, seller = $9, price_books = $10, tax_name = $11, tax_rate = $12, exact = $13, subtotal = $14, tax = $15,
              total = $16, closed_at = $17, due_at = $18
       WHERE id = $1`,
      [
        ...[id, closing.number, closing.counted, closing.terms && JSON.stringify(closing.terms), closing.linesHash, closing.lineCount],
        ...[closing.currency, JSON.stringify(closing.buyer), closing.seller && JSON.stringify(closing.seller), closing.priceBooks],
        ...[closing.taxName, closing.taxRate, totals.exact, totals.subtotal, totals.tax, totals.total, closing.closedAt, closing.dueAt],
      ],
    );
  }

  /** What the month took of credits: it is gone for later ones. */
  async useCredits(manager: EntityManager, month: BillingPeriod, uses: readonly CreditUse[]): Promise<void> {
    if (uses.length === 0) return;
    await manager.query(
      `INSERT INTO credit_uses (credit_id, month_starts_at, amount)
       SELECT u."creditId", $1, u.amount FROM jsonb_to_recordset($2::jsonb) AS u("creditId" uuid, amount numeric)`,
      [new Date(month.startsAtMs), JSON.stringify(uses)],
    );
  }

  /** The credit note of this name for an invoice, and what all of them come to. */
  async credits(
    manager: EntityManager,
    invoiceId: string,
    reference: string,
  ): Promise<{ same: InvoiceRow | null; before: CreditedBefore }> {
    const [same] = await manager.query(`SELECT ${columns} FROM ${tables} WHERE i.corrects = $1 AND i.reference = $2`, [
      invoiceId,
      reference,
    ]);
    const [before] = await manager.query(
      'SELECT coalesce(sum(subtotal), 0)::text AS subtotal, coalesce(sum(tax), 0)::text AS tax FROM invoices WHERE corrects = $1',
      [invoiceId],
    );
    return { same: same ? toRow(same) : null, before };
  }
}

type Raw = Omit<InvoiceRow, 'startsAtMs' | 'endsAtMs' | 'totals'> &
  Record<'exact' | 'subtotal' | 'tax' | 'total', string | null> & { starts_at: Date; ends_at: Date };

function toRow({ starts_at, ends_at, exact, subtotal, tax, total, ...row }: Raw): InvoiceRow {
  const totals = exact !== null && subtotal !== null && tax !== null && total !== null ? { exact, subtotal, tax, total } : null;
  return { ...row, totals, startsAtMs: starts_at.getTime(), endsAtMs: ends_at.getTime() };
}
