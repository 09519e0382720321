// SQL of what is agreed with tenants: price books, own prices, commitments, reservations, credits.
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import type { ContractParts, PriceAgreement, PriceOverrides } from './contract-of.js';
import { PriceBooksStore } from './price-books.store.js';
import type { Commitment, Credit, Reservation } from './tenant-contract.js';

interface TermRow {
  id: string;
  kind: 'commitment' | 'reservation' | 'credit';
  name: string;
  starts_at: Date;
  ends_at: Date | null;
  terms: object;
  used: string;
}

@Injectable()
export class ContractsStore {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(PriceBooksStore) private readonly books: PriceBooksStore,
  ) {}

  /** @param beforeMs credits as they were before the month that begins then. */
  async partsOf(tenantId: string, beforeMs: number, runner: EntityManager | DataSource = this.database): Promise<ContractParts> {
    // One after the other: in a transaction there is one connection.
    const books = await this.books.list(runner);
    const agreements = await this.agreementsOf(tenantId, runner);
    const terms = await this.termsOf(tenantId, beforeMs, runner);
    const [zone] = await runner.query('SELECT time_zone FROM billing_details WHERE tenant_id = $1', [tenantId]);
    const ofKind = (kind: TermRow['kind']) => terms.filter((term) => term.kind === kind);
    return {
      tenantId,
      timeZone: zone?.time_zone ?? 'UTC',
      books,
      agreements,
      commitments: ofKind('commitment').map((row) => ({ ...span(row), ...row.terms }) as unknown as Commitment),
      reservations: ofKind('reservation').map((row) => ({ ...span(row), ...row.terms }) as unknown as Reservation),
      credits: ofKind('credit').map((row) => ({ ...span(row), ...row.terms, amount: row.used }) as unknown as Credit),
    };
  }

  private async agreementsOf(tenantId: string, runner: EntityManager | DataSource): Promise<PriceAgreement[]> {
    const rows: { starts_at: Date; book_name: string; overrides: PriceOverrides; discount_percent: string }[] = await runner.query(
      'SELECT starts_at, book_name, overrides, discount_percent FROM tenant_prices WHERE tenant_id = $1 ORDER BY starts_at',
      [tenantId],
    );
    return rows.map(({ starts_at, book_name, overrides, discount_percent }) => ({
      startsAtMs: starts_at.getTime(),
      bookName: book_name,
      overrides,
      discountPercent: discount_percent,
    }));
  }

  /** `used`: of a credit, what is left of it. */
  private termsOf(tenantId: string, beforeMs: number, runner: EntityManager | DataSource): Promise<TermRow[]> {
    return runner.query(
      `SELECT t.id, t.kind, t.name, t.starts_at, t.ends_at, t.terms,
              ((t.terms->>'amount')::numeric - coalesce((SELECT sum(u.amount) FROM credit_uses u
                WHERE u.credit_id = t.id AND u.month_starts_at < $2), 0))::text AS used
       FROM contract_terms t WHERE t.tenant_id = $1 ORDER BY t.id`,
      [tenantId, new Date(beforeMs)],
    );
  }
}

function span({ id, name, starts_at, ends_at }: TermRow) {
  return { id, name, fromMs: starts_at.getTime(), untilMs: ends_at?.getTime() ?? null };
}
