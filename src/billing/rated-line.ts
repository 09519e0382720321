// A line of a bill: what was used, at which price, and what it comes to. Decimal strings throughout; `amount` has at most
// 12 decimals and was rounded once (money.ts). The sum of the lines' amounts is the total, to the last digit.
import type { CapacityTier, Dimension, Isolation } from '@berth/contract';
import type { Segment, UsageGroup } from './usage-sum.js';

/**
 * `usage` of something at its price; `minimum`: the rest of the shortest time that is billed; `reserved`: capacity set aside,
 * used or not; `commitment`: the part of a commitment that was not used; `discount`, `credit`: negative amounts; `free`:
 * shown with what it would have cost, amount 0.
 */
export const lineKinds = ['usage', 'minimum', 'reserved', 'commitment', 'discount', 'credit', 'free'] as const;
export type LineKind = (typeof lineKinds)[number];

export interface RatedLine extends UsageGroup {
  readonly kind: LineKind;
  /** Null where the line is of money only: a credit, a commitment. */
  readonly dimension: Dimension | null;
  /** `vCPU-hour`, `GiB-hour`, `GPU-hour`, `GiB`, `address-hour`; `hour` for commitments; empty for credits. */
  readonly unit: string;
  /** In `unit`. */
  readonly quantity: string;
  /** Of one unit, by the price book. */
  readonly listPrice: string;
  /** Of one unit, after tiers, spot and commitment. */
  readonly price: string;
  readonly listAmount: string;
  readonly amount: string;
  readonly isolation: Isolation | null;
  readonly capacityTier: CapacityTier | null;
  /** `name:version` of the price book. */
  readonly priceBook: string;
  readonly segment: Segment;
  /** Why it is free, or which credit, commitment or reservation it is. Empty for usage. */
  readonly note: string;
}
