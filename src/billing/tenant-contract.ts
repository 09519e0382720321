// What was agreed with a tenant: which price book when, and what lies on top of it. Everything that rating needs beside
// usage, so that the same contract and the same sums give the same bytes for ever.
import type { CapacityTier, Isolation } from '@berth/contract';
import type { PriceBook } from './price-book.js';

/** A price book from a time on; the tenant's own overrides are merged into it already. */
export interface BookInForce {
  readonly fromMs: number;
  readonly book: PriceBook;
}

interface Term {
  readonly id: string;
  readonly name: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** So much is paid for every hour, and buys usage at a discount; what an hour does not use is lost. */
export interface Commitment extends Term {
  /** Decimal string. */
  readonly amountPerHour: string;
  readonly discountPercent: string;
}

/** Capacity set aside. Billed whether used or not; usage of its tiers up to its size is covered by it. */
export interface Reservation extends Term {
  readonly isolation: Isolation;
  readonly capacityTier: CapacityTier;
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly gpus: number;
  /** Off the price of the book. */
  readonly discountPercent: string;
}

/** Money given in advance or as amends; what of it a bill does not need stays for the next. */
export interface Credit {
  readonly id: string;
  readonly name: string;
  /** What is left of it when the period begins. Decimal string. */
  readonly amount: string;
  readonly fromMs: number;
  readonly untilMs: number | null;
}

export interface TenantContract {
  readonly tenantId: string;
  readonly currency: string;
  /** IANA name. Months, days and hours of the bill are its own. */
  readonly timeZone: string;
  /** Off the whole bill, before credits. Decimal string. */
  readonly discountPercent: string;
  /** Of one currency, oldest first; the first one is in force before any usage. */
  readonly books: readonly BookInForce[];
  readonly commitments: readonly Commitment[];
  readonly reservations: readonly Reservation[];
  readonly credits: readonly Credit[];
}
