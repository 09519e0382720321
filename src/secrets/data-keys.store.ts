// SQL of tenants' data keys, as they are wrapped. Nothing here can open one.
import type { TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';

export interface WrappedKey {
  readonly version: number;
  readonly masterKeyId: string;
  readonly wrapped: Buffer;
}

export interface TenantKey extends WrappedKey {
  readonly tenantId: TenantId;
}

/** A sealed value, where it is, and what it belongs to. */
export interface SealedRow {
  readonly kind: 'secret' | 'api-key' | 'webhook';
  readonly id: string;
  /** Of the secret; 0 for an API key. */
  readonly version: number;
  readonly keyVersion: number;
  readonly sealed: Buffer;
}

const columns = 'tenant_id AS "tenantId", version, master_key_id AS "masterKeyId", wrapped';
/** The first four bytes, as SecretBox writes them. */
const webhookKeyVersion =
  '(get_byte(webhook_secret, 0) << 24 | get_byte(webhook_secret, 1) << 16 | get_byte(webhook_secret, 2) << 8 | get_byte(webhook_secret, 3))';
const allKeys = `(SELECT tenant_id, version, master_key_id, wrapped FROM data_keys
  UNION ALL SELECT tenant_id, version, master_key_id, wrapped FROM retired_data_keys) k`;

@Injectable()
export class DataKeysStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  async find(tenantId: TenantId): Promise<WrappedKey | null> {
    const [row] = await this.database.query(`SELECT ${columns} FROM data_keys WHERE tenant_id = $1`, [tenantId]);
    return row ?? null;
  }

  async findVersion(tenantId: TenantId, version: number): Promise<WrappedKey | null> {
    const [row] = await this.database.query(`SELECT ${columns} FROM ${allKeys} WHERE tenant_id = $1 AND version = $2`, [tenantId, version]);
    return row ?? null;
  }

  /** @returns the tenant's key: this one, or the one that another replica has made first. */
  async insert(tenantId: TenantId, masterKeyId: string, wrapped: Buffer): Promise<WrappedKey> {
    const [row] = await this.database.query(
      `INSERT INTO data_keys (tenant_id, master_key_id, wrapped) VALUES ($1, $2, $3)
       ON CONFLICT (tenant_id) DO UPDATE SET tenant_id = data_keys.tenant_id RETURNING ${columns}`,
      [tenantId, masterKeyId, wrapped],
    );
    return row;
  }

  /** The one that there was is kept with the retired ones. @returns the new one, the first if there was none. */
  async replace(tenantId: TenantId, masterKeyId: string, wrapped: Buffer): Promise<WrappedKey> {
    return this.database.transaction(async (manager) => {
      const old = await manager.query('SELECT version FROM data_keys WHERE tenant_id = $1 FOR UPDATE', [tenantId]);
      if (old.length === 0) {
        const [first] = await manager.query(
          `INSERT INTO data_keys (tenant_id, master_key_id, wrapped) VALUES ($1, $2, $3) RETURNING ${columns}`,
          [tenantId, masterKeyId, wrapped],
        );
        return first;
      }
      await manager.query(
        `INSERT INTO retired_data_keys (tenant_id, version, master_key_id, wrapped)
         SELECT tenant_id, version, master_key_id, wrapped FROM data_keys WHERE tenant_id = $1`,
        [tenantId],
      );
      const [[next]] = await manager.query(
        `UPDATE data_keys SET version = version + 1, master_key_id = $2, wrapped = $3, created_at = now() WHERE tenant_id = $1 RETURNING ${columns}`,
        [tenantId, masterKeyId, wrapped],
      );
      return next;
    });
  }

  /** Keys, retired ones too, that another master key than this one wrapped. */
  async wrappedByOthers(masterKeyId: string, limit: number): Promise<TenantKey[]> {
    return this.database.query(`SELECT ${columns} FROM ${allKeys} WHERE master_key_id <> $1 ORDER BY tenant_id, version LIMIT $2`, [
      masterKeyId,
      limit,
    ]);
  }

  /** Each only if it is still wrapped as it was. */
  async rewrap(keys: readonly (TenantKey & { readonly was: string })[]): Promise<void> {
    const values = [
      keys.map(({ tenantId }) => tenantId),
      keys.map(({ version }) => version),
      keys.map(({ masterKeyId }) => masterKeyId),
      keys.map(({ wrapped }) => wrapped),
      keys.map(({ was }) => was),
    ];
    await this.database.transaction(async (manager) => {
      for (const table of ['data_keys', 'retired_data_keys']) await rewrapIn(manager, table, values);
    });
  }

  /** Values of the tenant that an older key sealed. */
  async sealedByOlder(tenantId: TenantId, version: number, limit: number): Promise<SealedRow[]> {
    return this.database.query(
      `SELECT 'secret' AS kind, v.secret_id AS id, v.version, v.key_version AS "keyVersion", v.sealed
       FROM secrets s JOIN secret_versions v ON v.secret_id = s.id WHERE s.tenant_id = $1 AND v.key_version < $2
       UNION ALL
       SELECT 'api-key', id, 0, secret_key_version, sealed_secret FROM api_keys
       WHERE tenant_id = $1 AND sealed_secret IS NOT NULL AND secret_key_version < $2
       UNION ALL
       SELECT 'webhook', id, 0, ${webhookKeyVersion}, substring(webhook_secret FROM 5) FROM budgets
       WHERE tenant_id = $1 AND webhook_secret IS NOT NULL AND ${webhookKeyVersion} < $2
       LIMIT $3`,
      [tenantId, version, limit],
    );
  }

  /** Each only if it is still sealed as it was: the versions of a value never change but by this. */
  async reseal(rows: readonly (SealedRow & { readonly was: number })[]): Promise<void> {
    const values = (kind: SealedRow['kind']) => {
      const some = rows.filter((row) => row.kind === kind);
      const parts = [some.map(({ id }) => id), some.map(({ version }) => version), some.map(({ keyVersion }) => keyVersion)];
      return [...parts, some.map(({ sealed }) => sealed), some.map(({ was }) => was)];
    };
    const from = 'FROM unnest($1::uuid[], $2::int[], $3::int[], $4::bytea[], $5::int[]) AS new (id, version, key_version, sealed, was)';
    await this.database.transaction(async (manager) => {
      await manager.query(
        `UPDATE secret_versions v SET sealed = new.sealed, key_version = new.key_version ${from}
         WHERE v.secret_id = new.id AND v.version = new.version AND v.key_version = new.was`,
        values('secret'),
      );
      await manager.query(
        `UPDATE api_keys k SET sealed_secret = new.sealed, secret_key_version = new.key_version ${from}
         WHERE k.id = new.id AND k.secret_key_version = new.was`,
        values('api-key'),
      );
      await manager.query(
        `UPDATE budgets b SET webhook_secret = int4send(new.key_version) || new.sealed ${from}
         WHERE b.id = new.id AND ${webhookKeyVersion} = new.was`,
        values('webhook'),
      );
    });
  }

  /** Keys that seal nothing (any more), and have been retired so long that no replica uses them. @returns how many there were */
  async deleteUnused(tenantId: TenantId, retiredForMs: number): Promise<number> {
    const [, count] = await this.database.query(
      `DELETE FROM retired_data_keys r WHERE tenant_id = $1 AND retired_at < now() - $2::int * interval '1 millisecond'
         AND NOT EXISTS (SELECT FROM secrets s JOIN secret_versions v ON v.secret_id = s.id
                         WHERE s.tenant_id = r.tenant_id AND v.key_version = r.version)
         AND NOT EXISTS (SELECT FROM api_keys k WHERE k.tenant_id = r.tenant_id AND k.sealed_secret IS NOT NULL AND k.secret_key_version = r.version)
         AND NOT EXISTS (SELECT FROM budgets b WHERE b.tenant_id = r.tenant_id AND b.webhook_secret IS NOT NULL AND ${webhookKeyVersion} = r.version)`,
      [tenantId, retiredForMs],
    );
    return count;
  }
}

async function rewrapIn(manager: EntityManager, table: string, values: readonly unknown[]): Promise<void> {
  await manager.query(
    `UPDATE ${table} k SET master_key_id = new.master_key_id, wrapped = new.wrapped
     FROM unnest($1::uuid[], $2::int[], $3::text[], $4::bytea[], $5::text[]) AS new (tenant_id, version, master_key_id, wrapped, was)
     WHERE k.tenant_id = new.tenant_id AND k.version = new.version AND k.master_key_id = new.was`,
    [...values],
  );
}
