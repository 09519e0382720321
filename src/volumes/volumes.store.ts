// SQL of volumes as tenants have them. Where they live is the scheduler's (placement/volume-homes.store).
import { type CreateVolume, limits, type TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { QuotaSpending } from '../accounts/quota-spending.service.js';
import type { VolumeRow } from './volume-view.js';

/** The pool, or a transaction. */
type Runner = Pick<EntityManager, 'query'>;

const usersShown = 20;

/** Of the tenant $1, each with the tasks that have not stopped and use it, oldest first. */
const volumes = `
  SELECT v.id, v.name, v.size_mib, v.host_id, v.created_at, h.name AS host_name, h.state AS host_state, u.users,
         coalesce(u.count, 0) AS user_count
  FROM volumes v LEFT JOIN hosts h ON h.id = v.host_id LEFT JOIN (
    SELECT need->>'id' AS volume_id, count(*)::int AS count, to_jsonb((array_agg(jsonb_build_object(
             'taskId', t.id, 'access', CASE WHEN (need->>'write')::boolean THEN 'write' ELSE 'read' END
           ) ORDER BY t.created_at, t.id))[1:${usersShown}]) AS users
    FROM tasks t, jsonb_array_elements(t.needs->'volumes') AS need
    WHERE t.tenant_id = $1 AND t.state <> 'stopped' AND t.needs ? 'volumes' GROUP BY need->>'id'
  ) u ON u.volume_id = v.id::text
  WHERE v.tenant_id = $1 AND v.deleted_at IS NULL`;

@Injectable()
export class VolumesStore {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(QuotaSpending) private readonly quotas: QuotaSpending,
  ) {}

  /** Two requests at once may go over the limit of all tenants by one; over a quota never. @throws ApiError quota_exceeded */
  insert(tenantId: TenantId, id: string, volume: CreateVolume): Promise<'made' | 'taken' | 'too-many'> {
    return this.database.transaction(async (manager) => {
      await this.quotas.spend(manager, tenantId, { volumes: 1, volumeMiB: volume.sizeMiB });
      return insertVolume(manager, tenantId, id, volume);
    });
  }

  async find(tenantId: TenantId, name: string, runner: Runner = this.database): Promise<VolumeRow | null> {
    const rows: VolumeRow[] = await runner.query(`${volumes} AND v.name = $2`, [tenantId, name]);
    return rows[0] ?? null;
  }

  /** By name, after `afterName`. */
  async list(tenantId: TenantId, afterName: string | null, limit: number): Promise<VolumeRow[]> {
    return this.database.query(`${volumes} AND ($2::text IS NULL OR v.name > $2) ORDER BY v.name LIMIT $3`, [tenantId, afterName, limit]);
  }

  /**
   * Deletes a volume that no task uses. No task can come to use it meanwhile.
   * @returns what it was; deleted only if nobody uses it. Null if there is none.
   */
  async deleteUnused(tenantId: TenantId, name: string): Promise<VolumeRow | null> {
    return this.database.transaction(async (manager) => {
      await manager.query('SELECT FROM volumes WHERE tenant_id = $1 AND name = $2 AND deleted_at IS NULL FOR UPDATE', [tenantId, name]);
      const volume = await this.find(tenantId, name, manager);
      if (!volume || volume.user_count > 0) return volume;
      await manager.query(
        'UPDATE volumes SET deleted_at = now(), removed_at = CASE WHEN host_id IS NULL THEN now() END WHERE id = $1 AND deleted_at IS NULL',
        [volume.id],
      );
      return volume;
    });
  }

  /** Those of these names that there are. The transaction keeps them until its tasks can be seen. */
  async lockForUse(
    manager: EntityManager,
    tenantId: TenantId,
    names: readonly string[],
  ): Promise<{ id: string; name: string; sizeMiB: number }[]> {
    const rows: { id: string; name: string; size_mib: number }[] = await manager.query(
      'SELECT id, name, size_mib FROM volumes WHERE tenant_id = $1 AND name = ANY($2::text[]) AND deleted_at IS NULL ORDER BY id FOR KEY SHARE',
      [tenantId, names],
    );
    return rows.map(({ id, name, size_mib: sizeMiB }) => ({ id, name, sizeMiB }));
  }
}

async function insertVolume(
  manager: EntityManager,
  tenantId: TenantId,
  id: string,
  { name, sizeMiB }: CreateVolume,
): Promise<'made' | 'taken' | 'too-many'> {
  const rows: { made: boolean; full: boolean }[] = await manager.query(
    `WITH own AS (SELECT count(*) >= $5 AS is_full FROM volumes WHERE tenant_id = $2 AND deleted_at IS NULL), made AS (
       INSERT INTO volumes (id, tenant_id, name, size_mib) SELECT $1, $2, $3, $4 FROM own WHERE NOT is_full
       ON CONFLICT (tenant_id, name) WHERE deleted_at IS NULL DO NOTHING RETURNING id
     )
     SELECT is_full AS full, EXISTS (SELECT FROM made) AS made FROM own`,
    [id, tenantId, name, sizeMiB, limits.volumesPerTenant],
  );
  if (rows[0]?.made) return 'made';
  return rows[0]?.full ? 'too-many' : 'taken';
}
