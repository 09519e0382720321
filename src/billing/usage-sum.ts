// What a tenant used, summed: the shape in which metering hands usage to rating. SQL makes the sums (usage-sums.store.ts),
// so that a month of a million records needs no more memory than its groups.
import type { CapacityTier, Dimension, Isolation, StopCode } from '@berth/contract';

/** `[fromMs, untilMs)`: no price of the tenant changes in it. */
export interface Segment {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** What usage can be grouped by. */
export interface UsageGroup {
  /** `family:revision`; null for what belongs to no task. */
  readonly definition: string | null;
  /** Name of the service or job. */
  readonly group: string | null;
  /** Canonical JSON: sorted keys. */
  readonly tags: string;
  /** Who submitted it. */
  readonly userOrKey: string | null;
}

export interface UsageSum {
  readonly tenantId: string;
  readonly dimension: Dimension;
  readonly isolation: Isolation;
  readonly capacityTier: CapacityTier;
  readonly group: UsageGroup;
  readonly segment: Segment;
  /**
   * In base units: cpu milli-CPU × ms; memory, disk (only what is beyond the free part) and volume MiB × ms; gpu GPU × ms;
   * egress bytes; address addresses × ms.
   */
  readonly quantity: bigint;
  /** `used`; `minimum`: what is missing to the price book's shortest time; `pull`: while images were pulled, if that is billed. */
  readonly purpose: 'used' | 'minimum' | 'pull';
  /** The platform's fault that ended the task: its time is shown and not billed. Null: billed. */
  readonly fault: StopCode | null;
}
