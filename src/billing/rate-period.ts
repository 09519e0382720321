// A period's usage becomes lines. Pure: the same sums and contract give the same bytes, in whatever order sums come.
import type { RatedLine } from './rated-line.js';
import type { TenantContract } from './tenant-contract.js';
import type { Segment, UsageSum } from './usage-sum.js';

/**
 * @param period the month, or the part of it that is rated: reservations and commitments are due for all of it.
 * @returns lines in a fixed order; those of kind `credit` come last.
 */
export function ratePeriod(sums: Iterable<UsageSum>, contract: TenantContract, period: Segment): RatedLine[] {
  void [sums, contract, period];
  throw new Error('not yet');
}
