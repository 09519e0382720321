// Each tenant's data key: made at its first secret, kept in the database as the master key has wrapped it, and opened
// in memory only.
import { randomBytes } from 'node:crypto';
import type { TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { Remembered } from '../remembered.js';
import { keyBytes } from './envelope.js';
import { MasterKey } from './master-key.service.js';
import { SecretsStore } from './secrets.store.js';

const rememberMs = 60_000;
const rememberedAtMost = 1000;

@Injectable()
export class DataKeys {
  private readonly opened = new Remembered<Buffer>(rememberMs, rememberedAtMost);

  constructor(
    @Inject(MasterKey) private readonly master: MasterKey,
    @Inject(SecretsStore) private readonly store: SecretsStore,
  ) {}

  /** @throws Error when the tenant's key was wrapped by a master key that is not this one. */
  async of(tenantId: TenantId): Promise<Buffer> {
    return this.opened.get(tenantId, performance.now(), () => this.open(tenantId));
  }

  private async open(tenantId: TenantId): Promise<Buffer> {
    const known = (await this.store.findDataKey(tenantId)) ?? (await this.make(tenantId));
    if (known.masterKeyId !== this.master.id)
      throw new Error(`The data key of tenant ${tenantId} needs the master key ${known.masterKeyId}; this replica has ${this.master.id}.`);
    return this.master.unwrap(tenantId, known.wrapped);
  }

  private async make(tenantId: TenantId) {
    const wrapped = this.master.wrap(tenantId, randomBytes(keyBytes));
    return this.store.insertDataKey(tenantId, this.master.id, wrapped);
  }
}
