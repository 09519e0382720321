// A price book: what a unit of each dimension costs. A version is never changed; the next one starts at its time.
import type { CapacityTier, Dimension, Isolation } from '@berth/contract';

/** The price of one unit. Left-out tiers hold for any; of several that fit, the one that says most is taken. */
export interface Rate {
  readonly dimension: Dimension;
  readonly isolation?: Isolation;
  readonly capacityTier?: CapacityTier;
  /** Decimal string, of one unit (units.ts). */
  readonly price: string;
  /** Graduated: the part of a month's quantity above `above` costs `price`. In rising order. */
  readonly steps?: readonly { readonly above: string; readonly price: string }[];
}

export interface PriceBook {
  readonly name: string;
  readonly version: number;
  readonly currency: string;
  /** In force from the first full hour (of the tenant's time zone) that is not before this. */
  readonly startsAtMs: number;
  readonly rates: readonly Rate[];
  /** A task that ran for less is billed for so long. 0: to the millisecond. */
  readonly minimumMs: number;
  /** Whether the time in which images are pulled is billed. */
  readonly imagePull: boolean;
  /** Of each task's own disk. */
  readonly freeDiskMiB: number;
  /** Off the price of tier `spot`, where no rate names that tier. Decimal string, `0`–`100`. */
  readonly spotDiscountPercent: string;
  /** Quantity a month, in units, that costs nothing. */
  readonly freeAllowance: Readonly<Partial<Record<Dimension, string>>>;
}
