// Which price book a tenant has, with its own prices, and its whole contract as it and the operator read it.
import type { ContractView, SetPrices, TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { ApiError } from '../../errors.js';
import { type ContractParts, contractOf, type PriceAgreement } from '../contract-of.js';
import { ContractsStore } from '../contracts.store.js';
import { monthOf } from '../invoices/billing-month.js';
import { lockMonthsOf } from '../month-lock.store.js';
import { calendarAt, notBeforeOpenMonth, termsByKind } from './contract-terms.js';
import { ContractTermsStore } from './contract-terms.store.js';
import { PriceBookVersionsStore } from './price-book-versions.store.js';
import { toApiAgreement, toApiBook, versionsOf } from './price-books.js';

@Injectable()
export class TenantPrices {
  constructor(
    @Inject(ContractsStore) private readonly contracts: ContractsStore,
    @Inject(ContractTermsStore) private readonly terms: ContractTermsStore,
    @Inject(PriceBookVersionsStore) private readonly books: PriceBookVersionsStore,
  ) {}

  /** Everything that is agreed with a tenant: prices of now and to come, commitments, reservations, credits. */
  async contract(tenantId: TenantId): Promise<ContractView> {
    const nowMs = Date.now();
    const [parts, terms] = await Promise.all([this.contracts.partsOf(tenantId, nowMs), this.terms.list(tenantId)]);
    const { currency, books } = contractOf(parts, { fromMs: nowMs, untilMs: Number.MAX_SAFE_INTEGER });
    return {
      currency,
      timeZone: parts.timeZone,
      books: books.map(({ fromMs, book }) => ({ from: new Date(fromMs).toISOString(), book: toApiBook(book) })),
      prices: parts.agreements.map(toApiAgreement),
      ...termsByKind(terms),
    };
  }

  /**
   * From then on the tenant has this book, with these prices of its own and this discount.
   * @throws ApiError invalid_request, unknown_price_book, mixed_currencies
   */
  async set(tenantId: TenantId, { startsAt, ...prices }: SetPrices): Promise<ContractView> {
    await this.books.alone(async (manager) => {
      await lockMonthsOf(manager, tenantId);
      const nowMs = Date.now();
      const startsAtMs = startsAt === undefined ? nowMs : Date.parse(startsAt);
      notBeforeOpenMonth('startsAt', new Date(startsAtMs), calendarAt(nowMs, await this.terms.calendarOf(manager, tenantId)));
      const agreement = { startsAtMs, bookName: prices.book, overrides: prices.overrides, discountPercent: prices.discountPercent };
      requireOneCurrency(await this.contracts.partsOf(tenantId, nowMs, manager), agreement);
      await this.books.assign(manager, tenantId, { ...prices, startsAt: new Date(startsAtMs) });
    });
    return this.contract(tenantId);
  }
}

/**
 * Within a month there is one currency, and what was agreed in one isn't read in another.
 * @throws ApiError unknown_price_book, mixed_currencies
 */
function requireOneCurrency(parts: ContractParts, agreement: PriceAgreement): void {
  const { startsAtMs, bookName } = agreement;
  const [first] = versionsOf(parts.books, bookName);
  if (!first || first.startsAtMs > startsAtMs)
    throw new ApiError('unknown_price_book', { name: bookName, at: new Date(startsAtMs).toISOString() }, { field: 'book' });
  const { startsAtMs: fromMs, endsAtMs: untilMs } = monthOf(startsAtMs, parts.timeZone);
  const agreements = [...parts.agreements.filter((one) => one.startsAtMs !== startsAtMs), agreement];
  const { books } = contractOf({ ...parts, agreements }, { fromMs, untilMs });
  const other = books.find(({ book }) => book.currency !== first.currency);
  if (other) {
    const advice = 'Begin when a month of the tenant’s time zone does.';
    throw new ApiError(
      'mixed_currencies',
      { one: other.book.currency, other: first.currency, where: 'month', advice },
      { field: 'startsAt' },
    );
  }
  const before = contractOf(parts, { fromMs: startsAtMs, untilMs: startsAtMs + 1 });
  const terms = [...parts.commitments, ...parts.credits].some(({ untilMs: end }) => end === null || end > startsAtMs);
  if (before.currency !== first.currency && terms) {
    const advice = 'End the tenant’s commitments and credits before.';
    throw new ApiError('mixed_currencies', { one: before.currency, other: first.currency, where: 'contract', advice }, { field: 'book' });
  }
}
