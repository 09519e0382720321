// Tenants and their keys, for the operator.
import { randomBytes } from 'node:crypto';
import {
  type ApiKey,
  type CreatedApiKey,
  isId,
  type PageQuery,
  type Tenant,
  type TenantId,
  type tenantRoles,
  type Whoami,
} from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { ApiError, notFound } from '../errors.js';
import { badCursor, decodeCursor, type Page, pageOf } from '../http/cursor.js';
import { AccountsStore } from './accounts.store.js';
import { formatApiKey, hashApiKey } from './api-key.js';
import { Authenticator } from './authenticator.service.js';
import type { Caller } from './caller.js';

@Injectable()
export class AccountsService {
  constructor(
    @Inject(AccountsStore) private readonly store: AccountsStore,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
  ) {}

  /** @throws ApiError name_taken */
  async createTenant(name: string): Promise<Tenant> {
    const tenant = await this.store.insertTenant(name);
    if (!tenant) throw new ApiError('name_taken', { what: 'tenant', name }, { field: 'name' });
    return tenant;
  }

  async listTenants({ limit, cursor }: PageQuery): Promise<Page<Tenant>> {
    const after = cursor === undefined ? null : decodeCursor(cursor, 'tenants', 1)[0];
    return pageOf(await this.store.listTenants(after ?? null, limit + 1), limit, 'tenants', (tenant) => [tenant.name]);
  }

  /** @throws ApiError not_found */
  async createKey(tenant: string, { name, role }: { name: string; role: (typeof tenantRoles)[number] }): Promise<CreatedApiKey> {
    const { id } = await this.tenant(tenant);
    const { key, prefix } = formatApiKey(randomBytes(36));
    const created = await this.store.insertKey(id as TenantId, { name, role, prefix, hash: hashApiKey(key) });
    return { ...created, secret: key };
  }

  /** @throws ApiError not_found */
  async listKeys(tenant: string, { limit, cursor }: PageQuery): Promise<Page<ApiKey>> {
    const { id } = await this.tenant(tenant);
    const after = cursor === undefined ? null : decodeCursor(cursor, 'keys', 1)[0];
    if (after && !isId(after)) throw badCursor();
    return pageOf(await this.store.listKeys(id as TenantId, after ?? null, limit + 1), limit, 'keys', (key) => [key.id]);
  }

  /** Works no more at once here, and after 5 s everywhere. @throws ApiError not_found */
  async revokeKey(tenant: string, keyId: string): Promise<ApiKey> {
    const { id } = await this.tenant(tenant);
    const key = isId(keyId) ? await this.store.revokeKey(id as TenantId, keyId) : null;
    if (!key) throw notFound('API key', keyId);
    this.authenticator.forget();
    return key;
  }

  async whoami(caller: Caller): Promise<Whoami> {
    const tenant = caller.tenantId === null ? null : await this.tenant(caller.tenantId);
    return { role: caller.role, keyId: caller.keyId, tenant: tenant && { id: tenant.id, name: tenant.name } };
  }

  private async tenant(id: string): Promise<Tenant> {
    const tenant = isId(id) ? await this.store.findTenant(id as TenantId) : null;
    if (!tenant) throw notFound('tenant', id);
    return tenant;
  }
}
