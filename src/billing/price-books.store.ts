// SQL of price books. A book is never changed; a new version starts at its time.
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import type { PriceBook } from './rate.js';

const bookName = 'default';

@Injectable()
export class PriceBooksStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** Every version, oldest first. */
  async list(): Promise<PriceBook[]> {
    const rows: { name: string; version: number; currency: string; starts_at: Date; prices: PriceBook['prices'] }[] =
      await this.database.query(
        'SELECT name, version, currency, starts_at, prices FROM price_books WHERE name = $1 ORDER BY starts_at, version',
        [bookName],
      );
    return rows.map(({ name, version, currency, starts_at, prices }) => ({
      name,
      version,
      currency,
      prices,
      startsAtMs: starts_at.getTime(),
    }));
  }
}
