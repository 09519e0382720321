// SQL of secrets. Values come and go sealed: nothing here can read them.
import type { Secret, TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';

/** The pool, or a transaction. */
export type Runner = Pick<EntityManager, 'query'>;

export interface WrappedKey {
  readonly masterKeyId: string;
  readonly wrapped: Buffer;
}

export interface SecretRow extends Secret {
  readonly id: string;
}

/** One version of one secret, sealed. */
export interface SealedValue {
  readonly secretId: string;
  readonly version: number;
  readonly sealed: Buffer;
}

export interface Wish {
  readonly tenantId: string;
  readonly name: string;
  /** Null: the newest. */
  readonly version: number | null;
}

const columns = 'id, name, description, sensitive, newest_version, created_at, updated_at';

@Injectable()
export class SecretsStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  async findDataKey(tenantId: TenantId): Promise<WrappedKey | null> {
    const [row] = await this.database.query('SELECT master_key_id, wrapped FROM data_keys WHERE tenant_id = $1', [tenantId]);
    return row ? { masterKeyId: row.master_key_id, wrapped: row.wrapped } : null;
  }

  /** @returns the tenant's key: this one, or the one that another replica has made first. */
  async insertDataKey(tenantId: TenantId, masterKeyId: string, wrapped: Buffer): Promise<WrappedKey> {
    const [row] = await this.database.query(
      `INSERT INTO data_keys (tenant_id, master_key_id, wrapped) VALUES ($1, $2, $3)
       ON CONFLICT (tenant_id) DO UPDATE SET tenant_id = data_keys.tenant_id RETURNING master_key_id, wrapped`,
      [tenantId, masterKeyId, wrapped],
    );
    return { masterKeyId: row.master_key_id, wrapped: row.wrapped };
  }

  /** @returns null when the name is taken. */
  async insert(
    tenantId: TenantId,
    secret: { id: string; name: string; description: string; sensitive: boolean; sealed: Buffer },
  ): Promise<SecretRow | null> {
    const rows = await this.database.query(
      `WITH made AS (
         INSERT INTO secrets (id, tenant_id, name, description, sensitive, newest_version) VALUES ($1, $2, $3, $4, $5, 1)
         ON CONFLICT (tenant_id, name) DO NOTHING RETURNING ${columns}
       ), first AS (INSERT INTO secret_versions (secret_id, version, sealed) SELECT id, 1, $6 FROM made)
       SELECT * FROM made`,
      [secret.id, tenantId, secret.name, secret.description, secret.sensitive, secret.sealed],
    );
    return rows[0] ? toSecret(rows[0]) : null;
  }

  /** Makes the version that comes after `previous`. @returns null if that is not the newest (any more). */
  async addVersion(id: string, previous: number, sealed: Buffer): Promise<SecretRow | null> {
    const rows = await this.database.query(
      `WITH grown AS (
         UPDATE secrets SET newest_version = newest_version + 1, updated_at = now() WHERE id = $1 AND newest_version = $2
         RETURNING ${columns}
       ), added AS (INSERT INTO secret_versions (secret_id, version, sealed) SELECT id, newest_version, $3 FROM grown)
       SELECT * FROM grown`,
      [id, previous, sealed],
    );
    return rows[0] ? toSecret(rows[0]) : null;
  }

  async find(tenantId: TenantId, name: string): Promise<SecretRow | null> {
    const rows = await this.database.query(`SELECT ${columns} FROM secrets WHERE tenant_id = $1 AND name = $2`, [tenantId, name]);
    return rows[0] ? toSecret(rows[0]) : null;
  }

  /** By name, after `afterName`. */
  async list(tenantId: TenantId, afterName: string | null, limit: number): Promise<SecretRow[]> {
    const rows = await this.database.query(
      `SELECT ${columns} FROM secrets WHERE tenant_id = $1 AND ($2::text IS NULL OR name > $2) ORDER BY name LIMIT $3`,
      [tenantId, afterName, limit],
    );
    return rows.map(toSecret);
  }

  /** With all of its versions. @returns null when there is no such secret. */
  async delete(tenantId: TenantId, name: string): Promise<SecretRow | null> {
    const [rows] = await this.database.query(`DELETE FROM secrets WHERE tenant_id = $1 AND name = $2 RETURNING ${columns}`, [
      tenantId,
      name,
    ]);
    return rows[0] ? toSecret(rows[0]) : null;
  }

  /** In the order of the wishes, null for those that don't exist. */
  async findSealed(wishes: readonly Wish[]): Promise<(SealedValue | null)[]> {
    if (wishes.length === 0) return [];
    const rows: { place: number; secret_id: string; version: number; sealed: Buffer }[] = await this.database.query(
      `SELECT w.place::int, v.secret_id, v.version, v.sealed
       FROM unnest($1::uuid[], $2::text[], $3::int[]) WITH ORDINALITY AS w(tenant_id, name, version, place)
       JOIN secrets s ON s.tenant_id = w.tenant_id AND s.name = w.name
       JOIN secret_versions v ON v.secret_id = s.id AND v.version = coalesce(w.version, s.newest_version)`,
      columnsOf(wishes),
    );
    const found = new Map(rows.map((row) => [row.place, { secretId: row.secret_id, version: row.version, sealed: row.sealed }]));
    return wishes.map((_, index) => found.get(index + 1) ?? null);
  }

  /** Bytes of each value as it is kept, null for those that don't exist. */
  async sizes(runner: Runner, wishes: readonly Wish[]): Promise<(number | null)[]> {
    if (wishes.length === 0) return [];
    const rows: { place: number; size: number }[] = await runner.query(
      `SELECT w.place::int, octet_length(v.sealed) AS size
       FROM unnest($1::uuid[], $2::text[], $3::int[]) WITH ORDINALITY AS w(tenant_id, name, version, place)
       JOIN secrets s ON s.tenant_id = w.tenant_id AND s.name = w.name
       JOIN secret_versions v ON v.secret_id = s.id AND v.version = coalesce(w.version, s.newest_version)`,
      columnsOf(wishes),
    );
    const found = new Map(rows.map(({ place, size }) => [place, size]));
    return wishes.map((_, index) => found.get(index + 1) ?? null);
  }
}

function columnsOf(wishes: readonly Wish[]): unknown[][] {
  return [wishes.map(({ tenantId }) => tenantId), wishes.map(({ name }) => name), wishes.map(({ version }) => version)];
}

function toSecret(row: {
  id: string;
  name: string;
  description: string;
  sensitive: boolean;
  newest_version: number;
  created_at: Date;
  updated_at: Date;
}): SecretRow {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    sensitive: row.sensitive,
    version: row.newest_version,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}
