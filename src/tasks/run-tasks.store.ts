// The writes of POST /v1/tasks: any number of tasks, their first events and the idempotency key in one statement.
import { randomUUID } from 'node:crypto';
import {
  type DisruptionBudget,
  ephemeralStorageOf,
  type OnHostDrain,
  type TaskId,
  type TaskOverrides,
  type TenantId,
} from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { QuotaSpending } from '../accounts/quota-spending.service.js';
import type { Needs } from '../placement/fleet.js';

export interface NewTasks {
  readonly ids: readonly TaskId[];
  readonly definitionId: string;
  readonly name: string | null;
  readonly overrides: TaskOverrides | null;
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly needs: Needs;
  readonly group: string | null;
  /** Id of the user or API key. */
  readonly submittedBy: string;
  /** Null: each is placed by itself. */
  readonly gang: { readonly id: string; readonly min: number } | null;
  /** Names. */
  readonly securityGroups: readonly string[];
  readonly onHostDrain: OnHostDrain;
  /** Shared by these tasks, in place of their definition's. */
  readonly disruptionBudget: DisruptionBudget | null;
  readonly tags: Readonly<Record<string, string>>;
}

export interface Made {
  readonly createdAt: Date;
  readonly securityGroups: readonly { readonly id: string; readonly name: string }[];
}

export interface KeyUse {
  readonly key: string;
  readonly requestHash: Buffer;
}

@Injectable()
export class RunTasksStore {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(QuotaSpending) private readonly quotas: QuotaSpending,
  ) {}

  /** What a request with this key made before. */
  async findKey(tenantId: TenantId, key: string): Promise<{ requestHash: Buffer; taskIds: TaskId[] } | null> {
    const rows = await this.database.query('SELECT request_hash, task_ids FROM idempotency_keys WHERE tenant_id = $1 AND key = $2', [
      tenantId,
      key,
    ]);
    return rows[0] ? { requestHash: rows[0].request_hash, taskIds: rows[0].task_ids } : null;
  }

  /**
   * Takes the key for these tasks. Waits while another transaction holds it.
   * @returns false when it was taken.
   */
  async takeKey(manager: EntityManager, tenantId: TenantId, { key, requestHash }: KeyUse, ids: readonly TaskId[]): Promise<boolean> {
    const rows = await manager.query(
      `INSERT INTO idempotency_keys (tenant_id, key, request_hash, task_ids) VALUES ($1, $2, $3, $4::uuid[])
       ON CONFLICT DO NOTHING RETURNING key`,
      [tenantId, key, requestHash, ids],
    );
    return rows.length > 0;
  }

  /**
   * @returns when the tasks were made, the same instant for all, and their security groups; those that there are not are left out.
   * @throws ApiError quota_exceeded, launch_rate_exceeded
   */
  async insert(manager: EntityManager, tenantId: TenantId, tasks: NewTasks): Promise<Made> {
    await this.quotas.spend(manager, tenantId, amountsOf(tasks), tasks.ids.length);
    const rows = await manager.query(
      // The lock keeps the groups until the tasks in them can be seen.
      `WITH groups AS (
         SELECT id, name FROM security_groups WHERE tenant_id = $1 AND name = ANY($10::text[]) FOR KEY SHARE
       ), budget AS (
         INSERT INTO disruption_groups (id, tenant_id, budget) SELECT $12::uuid, $1, $13::jsonb WHERE $13::jsonb IS NOT NULL RETURNING id
       ), made AS (
         INSERT INTO tasks (id, tenant_id, task_definition_id, name, overrides, cpu_millis, memory_mib, tags, needs, security_groups,
                            on_host_drain, disruption_group, group_name, gang_id, gang_min, submitted_by)
         SELECT id, $1, $3::uuid, $4, $5::jsonb, $6::int, $7::int, $8::jsonb, $9::jsonb, ARRAY(SELECT id FROM groups ORDER BY name),
                $11, (SELECT id FROM budget), $14, $15::uuid, $16::int, $17
         FROM unnest($2::uuid[]) AS id
         RETURNING id, created_at
       ), told AS (
         INSERT INTO task_events (task_id, tenant_id, at, type, reason)
         SELECT id, $1, created_at, 'pending', 'Submitted; waiting for a host.' FROM made
       )
       SELECT created_at, (SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'name', name) ORDER BY name), '[]') FROM groups) AS groups
       FROM made LIMIT 1`,
      [
        tenantId,
        tasks.ids,
        tasks.definitionId,
        tasks.name,
        tasks.overrides && JSON.stringify(tasks.overrides),
        tasks.cpuMillis,
        tasks.memoryMiB,
        JSON.stringify(tasks.tags),
        JSON.stringify(tasks.needs),
        tasks.securityGroups,
        tasks.onHostDrain,
        randomUUID(),
        tasks.disruptionBudget && JSON.stringify(tasks.disruptionBudget),
        tasks.group,
        tasks.gang?.id ?? null,
        tasks.gang?.min ?? null,
        tasks.submittedBy,
      ],
    );
    return { createdAt: rows[0].created_at, securityGroups: rows[0].groups };
  }
}

/** What the tasks hold together. */
function amountsOf({ ids, cpuMillis, memoryMiB, needs }: NewTasks) {
  const count = ids.length;
  const diskMiB = ephemeralStorageOf({ ephemeralStorageMiB: needs.diskMiB });
  return { tasks: count, cpuMillis: count * cpuMillis, memoryMiB: count * memoryMiB, diskMiB: count * diskMiB };
}
