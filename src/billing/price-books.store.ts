// SQL of price books. A version is never changed; a new one starts at its time.
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import type { PriceBook } from './price-book.js';

interface BookRow {
  name: string;
  version: number;
  currency: string;
  starts_at: Date;
  terms: Partial<PriceBook>;
}

/** Of books that don't say. */
export const plainTerms = {
  rates: [],
  minimumMs: 0,
  imagePull: false,
  freeDiskMiB: 20_480,
  spotDiscountPercent: '0',
  freeAllowance: {},
} as const;

@Injectable()
export class PriceBooksStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** Every version of every book, by name and then oldest first. */
  async list(runner: EntityManager | DataSource = this.database): Promise<PriceBook[]> {
    const rows: BookRow[] = await runner.query(
      'SELECT name, version, currency, starts_at, terms FROM price_books ORDER BY name, starts_at, version',
    );
    return rows.map(({ name, version, currency, starts_at, terms }) => ({
      ...plainTerms,
      ...terms,
      name,
      version,
      currency,
      startsAtMs: starts_at.getTime(),
    }));
  }
}
