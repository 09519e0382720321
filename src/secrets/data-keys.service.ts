// Each tenant's data key: made at its first secret, kept in the database as a master key has wrapped it, and opened in
// memory only. A key that was replaced opens what it sealed, and seals nothing more.
import { randomBytes } from 'node:crypto';
import type { TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { Remembered } from '../remembered.js';
import { DataKeysStore, type WrappedKey } from './data-keys.store.js';
import { keyBytes } from './envelope.js';
import { MasterKeys } from './master-keys.service.js';

/** Other replicas seal with a key that was replaced for so long at most. */
export const rememberMs = 60_000;
const rememberedAtMost = 1000;

export interface DataKey {
  readonly version: number;
  readonly key: Buffer;
}

@Injectable()
export class DataKeys {
  private readonly newest = new Remembered<DataKey>(rememberMs, rememberedAtMost);
  private readonly opened = new Remembered<DataKey>(rememberMs, rememberedAtMost);

  constructor(
    @Inject(MasterKeys) private readonly master: MasterKeys,
    @Inject(DataKeysStore) private readonly store: DataKeysStore,
  ) {}

  /** What seals. @throws Error when the tenant's key was wrapped by a master key that this replica does not have. */
  async toSeal(tenantId: TenantId): Promise<DataKey> {
    return this.newest.get(tenantId, performance.now(), async () =>
      this.open(tenantId, (await this.store.find(tenantId)) ?? (await this.make(tenantId))),
    );
  }

  /** What opens a value that this version sealed. @throws as `toSeal`; Error when there is no such version */
  async toOpen(tenantId: TenantId, version: number): Promise<DataKey> {
    return this.opened.get(`${tenantId} ${version}`, performance.now(), async () => {
      const wrapped = await this.store.findVersion(tenantId, version);
      if (!wrapped) throw new Error(`Tenant ${tenantId} has no data key of version ${version}.`);
      return this.open(tenantId, wrapped);
    });
  }

  /** Makes the next version; whoever asks from now on gets it. @returns it */
  async replace(tenantId: TenantId): Promise<DataKey> {
    const made = await this.store.replace(tenantId, this.master.current.id, await this.master.wrap(tenantId, randomBytes(keyBytes)));
    this.newest.clear();
    return this.open(tenantId, made);
  }

  private async open(tenantId: TenantId, { version, masterKeyId, wrapped }: WrappedKey): Promise<DataKey> {
    return { version, key: await this.master.unwrap(tenantId, masterKeyId, wrapped) };
  }

  private async make(tenantId: TenantId): Promise<WrappedKey> {
    return this.store.insert(tenantId, this.master.current.id, await this.master.wrap(tenantId, randomBytes(keyBytes)));
  }
}
