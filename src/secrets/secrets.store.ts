// SQL of secrets. Values come and go sealed: nothing here can read them.
import type { Secret, TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import type { Sealed } from './secret-box.service.js';

/** The pool, or a transaction. */
export type Runner = Pick<EntityManager, 'query'>;

export interface SecretRow extends Secret {
  readonly id: string;
}

/** One version of one secret, sealed. */
export interface SealedValue extends Sealed {
  readonly secretId: string;
  readonly version: number;
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

  /** @returns null when the name is taken. */
  async insert(
    tenantId: TenantId,
    secret: { id: string; name: string; description: string; sensitive: boolean; box: Sealed },
  ): Promise<SecretRow | null> {
    const rows = await this.database.query(
      `WITH made AS (
         INSERT INTO secrets (id, tenant_id, name, description, sensitive, newest_version) VALUES ($1, $2, $3, $4, $5, 1)
         ON CONFLICT (tenant_id, name) DO NOTHING RETURNING ${columns}
       ), first AS (INSERT INTO secret_versions (secret_id, version, sealed, key_version) SELECT id, 1, $6, $7::int FROM made)
       SELECT * FROM made`,
      [secret.id, tenantId, secret.name, secret.description, secret.sensitive, secret.box.sealed, secret.box.keyVersion],
    );
    return rows[0] ? toSecret(rows[0]) : null;
  }

  /** Makes the version that comes after `previous`. @returns null if that is not the newest (any more). */
  async addVersion(id: string, previous: number, { sealed, keyVersion }: Sealed): Promise<SecretRow | null> {
    const rows = await this.database.query(
      `WITH grown AS (
         UPDATE secrets SET newest_version = newest_version + 1, updated_at = now() WHERE id = $1 AND newest_version = $2
         RETURNING ${columns}
       ), added AS (INSERT INTO secret_versions (secret_id, version, sealed, key_version) SELECT id, newest_version, $3, $4::int FROM grown)
       SELECT * FROM grown`,
      [id, previous, sealed, keyVersion],
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
    const rows: { place: number; secret_id: string; version: number; sealed: Buffer; key_version: number }[] = await this.database.query(
      `SELECT w.place::int, v.secret_id, v.version, v.sealed, v.key_version
       FROM unnest($1::uuid[], $2::text[], $3::int[]) WITH ORDINALITY AS w(tenant_id, name, version, place)
       JOIN secrets s ON s.tenant_id = w.tenant_id AND s.name = w.name
       JOIN secret_versions v ON v.secret_id = s.id AND v.version = coalesce(w.version, s.newest_version)`,
      columnsOf(wishes),
    );
    const found = new Map(
      rows.map(({ place, secret_id: secretId, version, sealed, key_version: keyVersion }) => [
        place,
        { secretId, version, sealed, keyVersion },
      ]),
    );
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
