// Tenants, for the operator; and who is calling, for everybody.
import { isId, type PageQuery, type Tenant, type TenantId, type Whoami } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { ApiError, notFound } from '../errors.js';
import { decodeCursor, type Page, pageOf } from '../http/cursor.js';
import type { Caller } from './caller.js';
import { TenantsStore } from './tenants.store.js';
import { UsersStore } from './users.store.js';

@Injectable()
export class Tenants {
  constructor(
    @Inject(TenantsStore) private readonly store: TenantsStore,
    @Inject(UsersStore) private readonly users: UsersStore,
  ) {}

  /** @throws ApiError name_taken */
  async create(name: string): Promise<Tenant> {
    const tenant = await this.store.insert(name);
    if (!tenant) throw new ApiError('name_taken', { what: 'tenant', name }, { field: 'name' });
    return tenant;
  }

  async list({ limit, cursor }: PageQuery): Promise<Page<Tenant>> {
    const after = cursor === undefined ? null : decodeCursor(cursor, 'tenants', 1)[0];
    return pageOf(await this.store.list(after ?? null, limit + 1), limit, 'tenants', (tenant) => [tenant.name]);
  }

  /** @throws ApiError not_found */
  async idOf(id: string): Promise<TenantId> {
    return (await this.get(id)).id as TenantId;
  }

  /** @param placementWeight counts from the scheduler's next pass on. @throws ApiError not_found */
  async weigh(id: string, placementWeight: number): Promise<Tenant> {
    const tenant = isId(id) ? await this.store.weigh(id as TenantId, placementWeight) : null;
    if (!tenant) throw notFound('tenant', id);
    return tenant;
  }

  async whoami({ tenantId, role, keyId, scopes, expiresAt, userId }: Caller): Promise<Whoami> {
    const tenant = tenantId === null ? null : await this.get(tenantId);
    const user = userId && (await this.users.find(userId));
    return {
      role,
      keyId,
      scopes: scopes && [...scopes],
      expiresAt: expiresAt?.toISOString() ?? null,
      user: user && { id: user.id, email: user.email, name: user.name },
      tenant: tenant && { id: tenant.id, name: tenant.name },
    };
  }

  private async get(id: string): Promise<Tenant> {
    const tenant = isId(id) ? await this.store.find(id as TenantId) : null;
    if (!tenant) throw notFound('tenant', id);
    return tenant;
  }
}
