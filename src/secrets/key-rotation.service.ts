// New keys for old ones: a tenant's data key, after which all of its values are sealed anew; and the master key, after
// which all data keys are wrapped anew. Both go on where they were stopped, and hurt nobody who reads meanwhile.
import { randomBytes } from 'node:crypto';
import type { TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { DataKeys, rememberMs } from './data-keys.service.js';
import { DataKeysStore, type SealedRow } from './data-keys.store.js';
import { nonceBytes, open, seal } from './envelope.js';
import { MasterKeys } from './master-keys.service.js';
import { placeOfApiKey, placeOfSecret, placeOfWebhook } from './places.js';

const perBatch = 200;

@Injectable()
export class KeyRotation {
  constructor(
    @Inject(MasterKeys) private readonly master: MasterKeys,
    @Inject(DataKeys) private readonly keys: DataKeys,
    @Inject(DataKeysStore) private readonly store: DataKeysStore,
  ) {}

  /** Makes a new data key for the tenant, and seals all of its values with it. */
  async rotate(tenantId: TenantId): Promise<{ keyVersion: number; resealed: number; deletedKeys: number }> {
    const newest = await this.keys.replace(tenantId);
    let resealed = 0;
    for (;;) {
      const rows = await this.store.sealedByOlder(tenantId, newest.version, perBatch);
      await this.store.reseal(await Promise.all(rows.map((row) => this.reseal(tenantId, row, newest))));
      resealed += rows.length;
      if (rows.length < perBatch) break;
    }
    // Of the keys before: this one was in use until a moment ago, in other replicas it still is.
    const deletedKeys = await this.store.deleteUnused(tenantId, 2 * rememberMs);
    return { keyVersion: newest.version, resealed, deletedKeys };
  }

  /** Wraps by the current master key what older ones wrapped. @throws Error when one of these is not there. */
  async rewrap(): Promise<{ masterKeyId: string; rewrapped: number }> {
    const { id } = this.master.current;
    let rewrapped = 0;
    for (;;) {
      const keys = await this.store.wrappedByOthers(id, perBatch);
      const fresh = await Promise.all(
        keys.map(async ({ tenantId, version, masterKeyId, wrapped }) => ({
          ...{ tenantId, version, masterKeyId: id, was: masterKeyId },
          wrapped: await this.master.wrap(tenantId, await this.master.unwrap(tenantId, masterKeyId, wrapped)),
        })),
      );
      if (fresh.length > 0) await this.store.rewrap(fresh);
      rewrapped += fresh.length;
      if (fresh.length < perBatch) return { masterKeyId: id, rewrapped };
    }
  }

  private async reseal(tenantId: TenantId, row: SealedRow, newest: { version: number; key: Buffer }) {
    const { key } = await this.keys.toOpen(tenantId, row.keyVersion);
    const place = placeOf(row);
    const sealed = seal(newest.key, randomBytes(nonceBytes), place, open(key, place, row.sealed));
    return { ...row, sealed, was: row.keyVersion, keyVersion: newest.version };
  }
}

function placeOf({ kind, id, version }: SealedRow): string {
  if (kind === 'secret') return placeOfSecret(id, version);
  return kind === 'api-key' ? placeOfApiKey(id) : placeOfWebhook(id);
}
