// Seals and opens tenants' values. The only place where a value is in the clear between the API and a host.
import { randomBytes } from 'node:crypto';
import type { TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { DataKeys } from './data-keys.service.js';
import { nonceBytes, open, seal } from './envelope.js';

@Injectable()
export class SecretBox {
  constructor(@Inject(DataKeys) private readonly keys: DataKeys) {}

  async seal(tenantId: TenantId, secretId: string, version: number, value: Buffer): Promise<Buffer> {
    return seal(await this.keys.of(tenantId), randomBytes(nonceBytes), belongsTo(secretId, version), value);
  }

  async open(tenantId: TenantId, secretId: string, version: number, sealed: Buffer): Promise<Buffer> {
    return open(await this.keys.of(tenantId), belongsTo(secretId, version), sealed);
  }
}

function belongsTo(secretId: string, version: number): string {
  return `secret/${secretId}/${version}`;
}
