// Rates a tenant's period from the raw records. The same facts and terms give the same lines, byte for byte.
import type { TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { bookAt } from './cell.js';
import { contractOf } from './contract-of.js';
import { ContractsStore } from './contracts.store.js';
import { ratePeriod } from './rate-period.js';
import type { RatedLine } from './rated-line.js';
import { segmentsOf } from './segments.js';
import type { TenantContract } from './tenant-contract.js';
import type { Segment } from './usage-sum.js';
import { toUsageSums } from './usage-sums.js';
import { UsageSumsStore } from './usage-sums.store.js';

@Injectable()
export class PeriodRating {
  constructor(
    @Inject(ContractsStore) private readonly contracts: ContractsStore,
    @Inject(UsageSumsStore) private readonly sums: UsageSumsStore,
  ) {}

  /** As it is known now; credits as they were when the period began. */
  async contractOf(tenantId: TenantId, period: { readonly startsAtMs: number; readonly endsAtMs: number }): Promise<TenantContract> {
    const { startsAtMs: fromMs, endsAtMs: untilMs } = period;
    return contractOf(await this.contracts.partsOf(tenantId, fromMs), { fromMs, untilMs });
  }

  /** @param counted facts received up to this number. Null: all that are known. */
  async rate(contract: TenantContract, period: Segment, counted: string | null): Promise<RatedLine[]> {
    const asked = { tenantId: contract.tenantId, segments: segmentsOf(contract, period), counted };
    const minimums = asked.segments.map(({ fromMs }) => bookAt(contract.books, fromMs).minimumMs);
    const [used, missing, volumes] = await Promise.all([
      this.sums.used(asked),
      this.sums.missing(asked, minimums),
      this.sums.volumes(asked),
    ]);
    const sums = [...used, ...missing].flatMap((use) => toUsageSums(use, contract.books));
    return ratePeriod([...sums, ...volumes], contract, period);
  }
}
