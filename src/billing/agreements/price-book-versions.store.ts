// SQL of price books as they are made, and of which tenant has which. A version in force is never changed.
import type { CreatePriceBook, SetPrices, TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';

export type BookTerms = Omit<CreatePriceBook, 'name' | 'currency' | 'startsAt'>;

@Injectable()
export class PriceBookVersionsStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** Runs `work` in a transaction in which nobody else makes or deletes a version, or gives a tenant a book. */
  alone<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.database.transaction(async (manager) => {
      await manager.query("SELECT pg_advisory_xact_lock(hashtextextended('price books', 0))");
      return work(manager);
    });
  }

  async insert(
    manager: EntityManager,
    book: {
      readonly name: string;
      readonly version: number;
      readonly currency: string;
      readonly startsAt: Date;
      readonly terms: BookTerms;
    },
  ): Promise<void> {
    await manager.query('INSERT INTO price_books (name, version, currency, starts_at, terms) VALUES ($1, $2, $3, $4, $5)', [
      ...[book.name, book.version, book.currency, book.startsAt, JSON.stringify(book.terms)],
    ]);
  }

  async delete(manager: EntityManager, name: string, version: number): Promise<void> {
    await manager.query('DELETE FROM price_books WHERE name = $1 AND version = $2', [name, version]);
  }

  /** Whether any tenant has, had or will have the book. */
  async isAssigned(manager: EntityManager, name: string): Promise<boolean> {
    const [row] = await manager.query('SELECT EXISTS (SELECT FROM tenant_prices WHERE book_name = $1) AS assigned', [name]);
    return row.assigned;
  }

  /** From then on the tenant has this; what was agreed for the same instant is replaced. */
  async assign(
    manager: EntityManager,
    tenantId: TenantId,
    { startsAt, book, overrides, discountPercent }: Omit<SetPrices, 'startsAt'> & { readonly startsAt: Date },
  ): Promise<void> {
    await manager.query(
      `INSERT INTO tenant_prices (tenant_id, starts_at, book_name, overrides, discount_percent) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (tenant_id, starts_at) DO UPDATE SET book_name = excluded.book_name, overrides = excluded.overrides,
         discount_percent = excluded.discount_percent`,
      [tenantId, startsAt, book, JSON.stringify(overrides), discountPercent],
    );
  }
}
