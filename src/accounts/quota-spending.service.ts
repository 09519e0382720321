// Quotas as they are spent: by whoever makes something, in the transaction that makes it.
import { quotaTable, type TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { ApiError } from '../errors.js';
import { type Amounts, type Limits, limitedOf, pour, shortageOf, wordsOf } from './quota.js';
import { type LimitRow, QuotasStore } from './quotas.store.js';

@Injectable()
export class QuotaSpending {
  constructor(@Inject(QuotasStore) private readonly store: QuotasStore) {}

  /**
   * Part of the transaction that makes what is wanted; call it before that. From then on to its end no other transaction
   * spends of this tenant's, so what was counted stays true. A tenant without limits waits for nobody.
   * @param wanted more than now; what is to shrink needs nothing
   * @param launches how many tasks are started
   * @throws ApiError quota_exceeded, launch_rate_exceeded
   */
  async spend(manager: EntityManager, tenantId: TenantId, wanted: Amounts, launches = 0): Promise<void> {
    const limits = limitsIn(await this.store.limitsOf(manager, tenantId));
    const names = limitedOf(limits, wanted);
    const perMinute = launches > 0 ? limits.launchesPerMinute : undefined;
    if (names.length === 0 && perMinute === undefined) return;
    await this.store.lock(manager, tenantId);
    const shortage = shortageOf(limits, await this.store.usedOf(manager, tenantId, names), wanted);
    if (shortage) throw new ApiError('quota_exceeded', wordsOf(shortage));
    if (perMinute !== undefined) await this.spendLaunches(manager, tenantId, perMinute, launches);
  }

  private async spendLaunches(manager: EntityManager, tenantId: TenantId, limit: number, wanted: number): Promise<void> {
    const { bucket, nowMs } = await this.store.bucketOf(manager, tenantId);
    const poured = pour(bucket, limit, nowMs, wanted);
    if (poured.kind === 'poured') return this.store.keepBucket(manager, tenantId, poured.bucket);
    const { left, afterMs } = poured;
    if (afterMs === null)
      throw new ApiError('quota_exceeded', { ...quotaTable.launchesPerMinute, rate: '', limit, used: limit - left, wanted });
    const seconds = Math.max(1, Math.ceil(afterMs / 1000));
    throw new ApiError('launch_rate_exceeded', { limit, left, wanted, seconds }, { retryAfterSeconds: seconds });
  }
}

export function limitsIn(rows: readonly LimitRow[]): Limits {
  return Object.fromEntries(rows.flatMap(({ name, allowed }) => (allowed === null ? [] : [[name, allowed]])));
}
