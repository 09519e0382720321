// SQL of tenants and API keys.
import { randomUUID } from 'node:crypto';
import type { ApiKey, ApiKeyId, CreatedApiKey, Tenant, TenantId, tenantRoles } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';

type TenantRole = (typeof tenantRoles)[number];

interface KeyRow {
  id: string;
  name: string;
  role: TenantRole;
  prefix: string;
  created_at: Date;
  revoked_at: Date | null;
}

const keyColumns = 'id, name, role, prefix, created_at, revoked_at';

@Injectable()
export class AccountsStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** @returns null when the name is taken. */
  async insertTenant(name: string): Promise<Tenant | null> {
    const rows = await this.database.query(
      'INSERT INTO tenants (id, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING id, name, created_at',
      [randomUUID(), name],
    );
    return rows[0] ? toTenant(rows[0]) : null;
  }

  async findTenant(id: TenantId): Promise<Tenant | null> {
    const rows = await this.database.query('SELECT id, name, created_at FROM tenants WHERE id = $1', [id]);
    return rows[0] ? toTenant(rows[0]) : null;
  }

  /** By name, after `afterName`. */
  async listTenants(afterName: string | null, limit: number): Promise<Tenant[]> {
    const rows = await this.database.query(
      'SELECT id, name, created_at FROM tenants WHERE $1::text IS NULL OR name > $1 ORDER BY name LIMIT $2',
      [afterName, limit],
    );
    return rows.map(toTenant);
  }

  async insertKey(tenantId: TenantId, key: { name: string; role: TenantRole; prefix: string; hash: Buffer }): Promise<ApiKey> {
    const [row] = await this.database.query(
      `INSERT INTO api_keys (id, tenant_id, name, role, prefix, hash) VALUES ($1, $2, $3, $4, $5, $6) RETURNING ${keyColumns}`,
      [randomUUID(), tenantId, key.name, key.role, key.prefix, key.hash],
    );
    return toApiKey(row);
  }

  /** Oldest first; revoked ones too, so that an audit can tell whose they were. */
  async listKeys(tenantId: TenantId, afterId: string | null, limit: number): Promise<ApiKey[]> {
    const rows = await this.database.query(
      `SELECT ${keyColumns} FROM api_keys
       WHERE tenant_id = $1 AND ($2::uuid IS NULL OR (created_at, id) > (SELECT created_at, id FROM api_keys WHERE id = $2))
       ORDER BY created_at, id LIMIT $3`,
      [tenantId, afterId, limit],
    );
    return rows.map(toApiKey);
  }

  /** Revoking again changes nothing. @returns null when the tenant has no such key. */
  async revokeKey(tenantId: TenantId, id: string): Promise<ApiKey | null> {
    const [rows] = await this.database.query(
      `UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE tenant_id = $1 AND id = $2 RETURNING ${keyColumns}`,
      [tenantId, id],
    );
    return rows[0] ? toApiKey(rows[0]) : null;
  }

  /** The key that is not revoked and has this hash. */
  async findKeyByHash(hash: Buffer): Promise<{ id: ApiKeyId; tenantId: TenantId; role: TenantRole } | null> {
    const [row] = await this.database.query('SELECT id, tenant_id, role FROM api_keys WHERE hash = $1 AND revoked_at IS NULL', [hash]);
    return row ? { id: row.id, tenantId: row.tenant_id, role: row.role } : null;
  }
}

function toTenant(row: { id: string; name: string; created_at: Date }): Tenant {
  return { id: row.id, name: row.name, createdAt: row.created_at.toISOString() };
}

function toApiKey(row: KeyRow): Omit<CreatedApiKey, 'secret'> {
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    prefix: row.prefix,
    createdAt: row.created_at.toISOString(),
    revokedAt: row.revoked_at?.toISOString() ?? null,
  };
}
