// Seals and opens tenants' values. The only place where a value is in the clear between the API and a host.
import { randomBytes } from 'node:crypto';
import type { TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { DataKeys } from './data-keys.service.js';
import { nonceBytes, open, seal } from './envelope.js';

const versionBytes = 4;

export interface Sealed {
  readonly sealed: Buffer;
  /** Version of the tenant's data key that sealed it. */
  readonly keyVersion: number;
}

@Injectable()
export class SecretBox {
  constructor(@Inject(DataKeys) private readonly keys: DataKeys) {}

  /** @param place what it belongs to; it can be opened for nothing else */
  async seal(tenantId: TenantId, place: string, value: Buffer): Promise<Sealed> {
    const { version, key } = await this.keys.toSeal(tenantId);
    return { sealed: seal(key, randomBytes(nonceBytes), place, value), keyVersion: version };
  }

  async open(tenantId: TenantId, place: string, { sealed, keyVersion }: Sealed): Promise<Buffer> {
    const { key } = await this.keys.toOpen(tenantId, keyVersion);
    return open(key, place, sealed);
  }

  /** As `seal`, with the key's version in front of the sealed value: for a table without a column for it. */
  async sealWhole(tenantId: TenantId, place: string, value: Buffer): Promise<Buffer> {
    const { sealed, keyVersion } = await this.seal(tenantId, place, value);
    const version = Buffer.alloc(versionBytes);
    version.writeUInt32BE(keyVersion);
    return Buffer.concat([version, sealed]);
  }

  async openWhole(tenantId: TenantId, place: string, whole: Buffer): Promise<Buffer> {
    return this.open(tenantId, place, { keyVersion: whole.readUInt32BE(), sealed: whole.subarray(versionBytes) });
  }
}
