// SQL of capacity groups: what is reserved, for whom, and what their guaranteed tasks use of it.
import type { CapacityGroup, PutCapacityGroup } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { holdsCapacity } from '../db/holding.js';

/** A tenant that can't be in the group: there is none, or it is in another one. */
export interface TenantTrouble {
  readonly tenantId: string;
  readonly group: string | null;
}

@Injectable()
export class CapacityGroupsStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  /** By name. @param name only this one. */
  async list(name: string | null): Promise<CapacityGroup[]> {
    const rows = await this.database.query(
      `SELECT g.name, g.cpu_millis, g.memory_mib, g.gpus, g.created_at, m.tenants,
              coalesce(u.cpu, 0)::int AS used_cpu, coalesce(u.memory, 0)::int AS used_memory, coalesce(u.gpus, 0)::int AS used_gpus
       FROM capacity_groups g
       CROSS JOIN LATERAL (SELECT ARRAY(SELECT tenant_id FROM capacity_group_tenants WHERE group_id = g.id ORDER BY tenant_id) AS tenants) m
       LEFT JOIN LATERAL (
         SELECT sum(cpu_millis) AS cpu, sum(memory_mib) AS memory, sum(coalesce((needs->'gpus'->>'count')::int, 0)) AS gpus FROM tasks t
         WHERE t.tenant_id = ANY(m.tenants) AND t.state <> 'stopped' AND t.state ${holdsCapacity} AND t.needs->>'capacityTier' = 'guaranteed'
       ) u ON true
       WHERE $1::text IS NULL OR g.name = $1 ORDER BY g.name`,
      [name],
    );
    return rows.map(toCapacityGroup);
  }

  /** Makes the group or changes all of it. @returns the tenants that can't be in it; nothing is changed then. */
  put(name: string, { cpuMillis, memoryMiB, gpus = 0, tenants }: PutCapacityGroup): Promise<TenantTrouble[]> {
    return this.database.transaction(async (manager) => {
      const trouble: TenantTrouble[] = await manager.query(
        `SELECT wanted.id AS "tenantId", g.name AS group FROM unnest($1::uuid[]) AS wanted(id) LEFT JOIN tenants t ON t.id = wanted.id
         LEFT JOIN capacity_group_tenants m ON m.tenant_id = wanted.id LEFT JOIN capacity_groups g ON g.id = m.group_id
         WHERE t.id IS NULL OR g.name <> $2`,
        [tenants, name],
      );
      if (trouble.length > 0) return trouble;
      const [{ id }] = await manager.query(
        `INSERT INTO capacity_groups (id, name, cpu_millis, memory_mib, gpus) VALUES (gen_random_uuid(), $1, $2, $3, $4)
         ON CONFLICT (name) DO UPDATE SET cpu_millis = excluded.cpu_millis, memory_mib = excluded.memory_mib, gpus = excluded.gpus RETURNING id`,
        [name, cpuMillis, memoryMiB, gpus],
      );
      await manager.query('DELETE FROM capacity_group_tenants WHERE group_id = $1 AND tenant_id <> ALL($2::uuid[])', [id, tenants]);
      await manager.query(
        'INSERT INTO capacity_group_tenants (tenant_id, group_id) SELECT DISTINCT tenant, $1::uuid FROM unnest($2::uuid[]) AS tenant ON CONFLICT DO NOTHING',
        [id, tenants],
      );
      return [];
    });
  }

  async delete(name: string): Promise<void> {
    await this.database.query('DELETE FROM capacity_groups WHERE name = $1', [name]);
  }
}

interface Row {
  name: string;
  cpu_millis: number;
  memory_mib: number;
  gpus: number;
  used_cpu: number;
  used_memory: number;
  used_gpus: number;
  tenants: string[];
  created_at: Date;
}

function toCapacityGroup(row: Row): CapacityGroup {
  return {
    name: row.name,
    cpuMillis: row.cpu_millis,
    memoryMiB: row.memory_mib,
    gpus: row.gpus,
    usedCpuMillis: row.used_cpu,
    usedMemoryMiB: row.used_memory,
    usedGpus: row.used_gpus,
    tenants: row.tenants,
    createdAt: row.created_at.toISOString(),
  };
}
