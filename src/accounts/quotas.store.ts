// SQL of quotas. What is used is counted where it is, never kept beside it: a count can't drift from what it counts.
import { type CountedQuota, limits, type QuotaName, type TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import type { Amounts, Bucket } from './quota.js';

export interface LimitRow {
  readonly name: QuotaName;
  /** Null: no limit. */
  readonly allowed: number | null;
  readonly isDefault: boolean;
}

export type Runner = EntityManager | DataSource;

const liveTasks = "tasks WHERE tenant_id = $1 AND state <> 'stopped'";
const volumes = 'volumes WHERE tenant_id = $1 AND deleted_at IS NULL';
/** Where each is counted, and how; what is in one place is counted together. */
const counts: Readonly<Record<CountedQuota, readonly [from: string, sum: string]>> = {
  tasks: [liveTasks, 'count(*)'],
  cpuMillis: [liveTasks, 'sum(cpu_millis)'],
  memoryMiB: [liveTasks, 'sum(memory_mib)'],
  diskMiB: [liveTasks, `sum(coalesce((needs->>'diskMiB')::int, ${limits.ephemeralStorageMiB.default}))`],
  volumes: [volumes, 'count(*)'],
  volumeMiB: [volumes, 'sum(size_mib)'],
};

@Injectable()
export class QuotasStore {
  constructor(@InjectDataSource() readonly database: DataSource) {}

  /** The tenant's own, and the default where it has none of its own. */
  async limitsOf(runner: Runner, tenantId: TenantId): Promise<LimitRow[]> {
    const rows: { name: QuotaName; allowed: string | null; is_default: boolean }[] = await runner.query(
      `SELECT DISTINCT ON (name) name, allowed, tenant_id IS NULL AS is_default FROM quotas
       WHERE tenant_id = $1 OR tenant_id IS NULL ORDER BY name, tenant_id NULLS LAST`,
      [tenantId],
    );
    return rows.map(({ name, allowed, is_default }) => ({
      name,
      allowed: allowed === null ? null : Number(allowed),
      isDefault: is_default,
    }));
  }

  async defaults(): Promise<LimitRow[]> {
    const rows: { name: QuotaName; allowed: string | null }[] = await this.database.query(
      'SELECT name, allowed FROM quotas WHERE tenant_id IS NULL',
    );
    return rows.map(({ name, allowed }) => ({ name, allowed: allowed === null ? null : Number(allowed), isDefault: true }));
  }

  /** To the end of the transaction nobody else spends anything of this tenant's. */
  async lock(manager: EntityManager, tenantId: TenantId): Promise<void> {
    await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`quota ${tenantId}`]);
  }

  async usedOf(runner: Runner, tenantId: TenantId, names: readonly CountedQuota[]): Promise<Amounts> {
    const used: [CountedQuota, number][] = [];
    for (const place of new Set(names.map((name) => counts[name][0]))) {
      const here = names.filter((name) => counts[name][0] === place);
      const sums = here.map((name) => `coalesce(${counts[name][1]}, 0) AS "${name}"`).join(', ');
      const [row]: Record<CountedQuota, string>[] = await runner.query(`SELECT ${sums} FROM ${place}`, [tenantId]);
      for (const name of here) used.push([name, Number(row?.[name])]);
    }
    return Object.fromEntries(used);
  }

  /** With the database's time, which all replicas share. */
  async bucketOf(runner: Runner, tenantId: TenantId): Promise<{ bucket: Bucket | null; nowMs: number }> {
    const [row]: { now: Date; tokens: number | null; refilled_at: Date | null }[] = await runner.query(
      `SELECT clock_timestamp() AS now, b.tokens, b.refilled_at FROM (SELECT) one LEFT JOIN launch_buckets b ON b.tenant_id = $1`,
      [tenantId],
    );
    const bucket = row?.refilled_at ? { tokens: row.tokens ?? 0, refilledAtMs: row.refilled_at.getTime() } : null;
    return { bucket, nowMs: row?.now.getTime() ?? 0 };
  }

  async keepBucket(manager: EntityManager, tenantId: TenantId, { tokens, refilledAtMs }: Bucket): Promise<void> {
    await manager.query(
      `INSERT INTO launch_buckets (tenant_id, tokens, refilled_at) VALUES ($1, $2, $3)
       ON CONFLICT (tenant_id) DO UPDATE SET tokens = excluded.tokens, refilled_at = excluded.refilled_at`,
      [tenantId, tokens, new Date(refilledAtMs)],
    );
  }

  /** @param tenantId null: the defaults. `drop`: of these the default counts again. */
  async set(
    tenantId: TenantId | null,
    allowed: readonly (readonly [QuotaName, number | null])[],
    drop: readonly QuotaName[],
  ): Promise<void> {
    await this.database.query(
      `WITH dropped AS (DELETE FROM quotas WHERE tenant_id IS NOT DISTINCT FROM $1 AND name = ANY($4::text[]))
       INSERT INTO quotas (tenant_id, name, allowed) SELECT $1, name, allowed FROM unnest($2::text[], $3::bigint[]) AS new (name, allowed)
       ON CONFLICT (tenant_id, name) DO UPDATE SET allowed = excluded.allowed`,
      [tenantId, allowed.map(([name]) => name), allowed.map(([, limit]) => limit), drop],
    );
  }
}
