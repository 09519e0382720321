// SQL of API keys.
import type { ApiKey, ApiKeyId, TenantId, tenantRoles } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import type { Caller } from './caller.js';

type TenantRole = (typeof tenantRoles)[number];

export interface NewApiKey {
  readonly id: string;
  readonly name: string;
  readonly role: TenantRole;
  readonly scopes: readonly string[] | null;
  readonly prefix: string;
  readonly hash: Buffer;
  readonly expiresAt: Date | null;
  readonly rotatedFrom: string | null;
  readonly accessKey: { readonly id: string; readonly sealed: Buffer; readonly keyVersion: number } | null;
}

export interface KeyRow {
  id: string;
  name: string;
  role: TenantRole;
  scopes: string[] | null;
  prefix: string;
  access_key_id: string | null;
  created_at: Date;
  expires_at: Date | null;
  last_used_at: Date | null;
  rotated_from: string | null;
  revoked_at: Date | null;
}

export interface SealedSecret {
  readonly keyId: string;
  readonly tenantId: TenantId;
  readonly sealed: Buffer;
  readonly keyVersion: number;
}

const columns = 'id, name, role, scopes, prefix, access_key_id, created_at, expires_at, last_used_at, rotated_from, revoked_at';
const isValid = 'k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())';
const callerColumns = `k.id, k.tenant_id, k.role, k.scopes, k.name, k.expires_at,
  CASE WHEN k.rotated_from IS NULL THEN k.id ELSE (WITH RECURSIVE before AS (
     SELECT k.id, k.rotated_from UNION ALL SELECT o.id, o.rotated_from FROM api_keys o JOIN before b ON o.id = b.rotated_from
   ) SELECT id FROM before WHERE rotated_from IS NULL) END AS first_id,
  (SELECT allowed::int FROM quotas q WHERE (q.tenant_id = k.tenant_id OR q.tenant_id IS NULL) AND q.name = 'requestsPerSecond'
   ORDER BY q.tenant_id NULLS LAST LIMIT 1) AS requests_per_second`;

@Injectable()
export class ApiKeysStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.database.transaction(work);
  }

  async insert(tenantId: TenantId, key: NewApiKey, manager: EntityManager | DataSource = this.database): Promise<KeyRow> {
    const { id, name, role, scopes, prefix, hash, expiresAt, rotatedFrom, accessKey } = key;
    const [row] = await manager.query(
      `INSERT INTO api_keys (id, tenant_id, name, role, scopes, prefix, hash, expires_at, rotated_from, access_key_id, sealed_secret, secret_key_version)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, coalesce($12, 1)) RETURNING ${columns}`,
      [
        ...[id, tenantId, name, role, scopes, prefix, hash, expiresAt, rotatedFrom],
        ...[accessKey?.id ?? null, accessKey?.sealed ?? null, accessKey?.keyVersion ?? null],
      ],
    );
    return row;
  }

  /** Waits for who changes it. @returns null when the tenant has no such key. */
  async lock(manager: EntityManager, tenantId: TenantId, id: string): Promise<KeyRow | null> {
    const [row] = await manager.query(`SELECT ${columns} FROM api_keys WHERE tenant_id = $1 AND id = $2 FOR UPDATE`, [tenantId, id]);
    return row ?? null;
  }

  /** It works for so long from now on, or until it would have expired. */
  async expireWithin(manager: EntityManager, id: string, seconds: number): Promise<void> {
    await manager.query(
      `UPDATE api_keys SET expires_at = least(coalesce(expires_at, 'infinity'), now() + $2::int * interval '1 second') WHERE id = $1`,
      [id, seconds],
    );
  }

  /** Oldest first; revoked ones too, so that an audit can tell whose they were. */
  async list(tenantId: TenantId, afterId: string | null, limit: number): Promise<KeyRow[]> {
    return this.database.query(
      `SELECT ${columns} FROM api_keys
       WHERE tenant_id = $1 AND ($2::uuid IS NULL OR (created_at, id) > (SELECT created_at, id FROM api_keys WHERE id = $2))
       ORDER BY created_at, id LIMIT $3`,
      [tenantId, afterId, limit],
    );
  }

  /** Revoking again changes nothing. @returns null when the tenant has no such key. */
  async revoke(tenantId: TenantId, id: string): Promise<KeyRow | null> {
    const [rows] = await this.database.query(
      `UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE tenant_id = $1 AND id = $2 RETURNING ${columns}`,
      [tenantId, id],
    );
    return rows[0] ?? null;
  }

  /** Who the key with this hash acts for, if it is valid. */
  async findCaller(hash: Buffer): Promise<Caller | null> {
    const [row] = await this.database.query(`SELECT ${callerColumns} FROM api_keys k WHERE k.hash = $1 AND ${isValid}`, [hash]);
    return row ? toCaller(row) : null;
  }

  /** Who the key with this access key id acts for, if it is valid, and its secret. */
  async findByAccessKeyId(accessKeyId: string): Promise<{ caller: Caller; secret: SealedSecret } | null> {
    const [row] = await this.database.query(
      `SELECT ${callerColumns}, k.sealed_secret, k.secret_key_version FROM api_keys k WHERE k.access_key_id = $1 AND ${isValid}`,
      [accessKeyId],
    );
    const secret = row && { keyId: row.id, tenantId: row.tenant_id, sealed: row.sealed_secret, keyVersion: row.secret_key_version };
    return row ? { caller: toCaller(row), secret } : null;
  }

  async noteUses(uses: ReadonlyMap<string, Date>): Promise<void> {
    await this.database.query(
      `UPDATE api_keys k SET last_used_at = greatest(last_used_at, used.at)
       FROM unnest($1::uuid[], $2::timestamptz[]) AS used (id, at) WHERE k.id = used.id`,
      [[...uses.keys()], [...uses.values()]],
    );
  }
}

export function toApiKey(row: KeyRow): ApiKey {
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    scopes: row.scopes,
    prefix: row.prefix,
    accessKeyId: row.access_key_id,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at?.toISOString() ?? null,
    lastUsedAt: row.last_used_at?.toISOString() ?? null,
    rotatedFrom: row.rotated_from,
    revokedAt: row.revoked_at?.toISOString() ?? null,
  };
}

function toCaller(row: {
  id: ApiKeyId;
  tenant_id: TenantId;
  role: TenantRole;
  scopes: string[] | null;
  name: string;
  first_id: string;
  expires_at: Date | null;
  requests_per_second: number | null;
}): Caller {
  return {
    tenantId: row.tenant_id,
    keyId: row.id,
    role: row.role,
    scopes: row.scopes,
    name: row.name,
    userId: null,
    submitter: row.first_id,
    expiresAt: row.expires_at,
    requestsPerSecond: row.requests_per_second,
  };
}
