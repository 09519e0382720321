// Price books as the operator makes them, version by version.
import type { CreatePriceBook, PriceBookView } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { ApiError, notFound } from '../../errors.js';
import { defaultBook } from '../contract-of.js';
import { isCurrency } from '../invoices/currency.js';
import { PriceBooksStore } from '../price-books.store.js';
import { PriceBookVersionsStore } from './price-book-versions.store.js';
import { nextVersion, toApiBook, versionsOf } from './price-books.js';

@Injectable()
export class PriceBookVersions {
  constructor(
    @Inject(PriceBooksStore) private readonly books: PriceBooksStore,
    @Inject(PriceBookVersionsStore) private readonly store: PriceBookVersionsStore,
  ) {}

  /**
   * The first version of a new book, or the next of one that there is. The same again is the one that there is.
   * @throws ApiError invalid_request, mixed_currencies
   */
  create(body: CreatePriceBook): Promise<PriceBookView> {
    const { name, currency, startsAt: _, ...terms } = body;
    if (!isCurrency(currency))
      throw new ApiError('invalid_request', { detail: 'currency is no currency of ISO 4217.' }, { field: 'currency' });
    return this.store.alone(async (manager) => {
      const next = nextVersion(await this.versions(name, manager), body, Date.now());
      if ('same' in next) return toApiBook(next.same);
      const { version, startsAtMs } = next;
      await this.store.insert(manager, { name, version, currency, startsAt: new Date(startsAtMs), terms });
      return toApiBook({ name, version, currency, startsAtMs, ...terms });
    });
  }

  /** Every version of every book, by name and then oldest first. */
  async list(): Promise<PriceBookView[]> {
    return (await this.books.list()).map(toApiBook);
  }

  /** All versions of one, oldest first. @throws ApiError not_found */
  async get(name: string): Promise<PriceBookView[]> {
    const versions = await this.versions(name);
    if (versions.length === 0) throw notFound('price book', name);
    return versions.map(toApiBook);
  }

  /** Only what nobody was billed by. @throws ApiError not_found, price_book_in_force */
  delete(name: string, version: string): Promise<PriceBookView> {
    return this.store.alone(async (manager) => {
      const book = (await this.versions(name, manager)).find((one) => String(one.version) === version);
      if (!book) throw notFound('price book', `${name}:${version}`);
      const isUsed = name === defaultBook || (await this.store.isAssigned(manager, name));
      if (isUsed && book.startsAtMs <= Date.now()) throw new ApiError('price_book_in_force', { name, version });
      await this.store.delete(manager, name, book.version);
      return toApiBook(book);
    });
  }

  private async versions(name: string, manager?: EntityManager) {
    return versionsOf(await this.books.list(manager), name);
  }
}
