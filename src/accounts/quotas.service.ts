// Quotas as they are shown to the tenant and set by the operator.
import { type Quota, type QuotaName, quotaNames, quotaTable, type SetQuotas, type TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { Authenticator } from './authenticator.service.js';
import { type Amounts, levelOf } from './quota.js';
import { limitsIn } from './quota-spending.service.js';
import { type LimitRow, QuotasStore } from './quotas.store.js';

const counted = quotaNames.filter((name) => !quotaTable[name].rate) as (keyof Amounts)[];

@Injectable()
export class Quotas {
  constructor(
    @Inject(QuotasStore) private readonly store: QuotasStore,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
  ) {}

  async list(tenantId: TenantId): Promise<Quota[]> {
    const { database } = this.store;
    const rows = await this.store.limitsOf(database, tenantId);
    const [used, { bucket, nowMs }] = [await this.store.usedOf(database, tenantId, counted), await this.store.bucketOf(database, tenantId)];
    const perMinute = limitsIn(rows).launchesPerMinute;
    const launches = perMinute === undefined ? null : bucket ? Math.ceil(perMinute - levelOf(bucket, perMinute, nowMs)) : 0;
    return quotaNames.map((name) => toQuota(name, rows, { ...used, launchesPerMinute: launches }[name as keyof Amounts] ?? null));
  }

  async defaults(): Promise<Quota[]> {
    const rows = await this.store.defaults();
    return quotaNames.map((name) => toQuota(name, rows, null));
  }

  /** Of what is absent nothing changes. Who has more than a new limit keeps it. @param tenantId null: the defaults */
  async set(tenantId: TenantId | null, wanted: SetQuotas): Promise<void> {
    const entries = Object.entries(wanted).filter((entry): entry is [QuotaName, number | null | 'default'] => entry[1] !== undefined);
    const limits = entries.filter((entry): entry is [QuotaName, number | null] => entry[1] !== 'default');
    await this.store.set(
      tenantId,
      limits,
      entries.filter(([, limit]) => limit === 'default').map(([name]) => name),
    );
    this.authenticator.forget();
  }
}

function toQuota(name: QuotaName, rows: readonly LimitRow[], used: number | null): Quota {
  const { what, unit } = quotaTable[name];
  const row = rows.find((one) => one.name === name);
  return { name, what, unit, limit: row?.allowed ?? null, used, isDefault: row?.isDefault ?? true };
}
