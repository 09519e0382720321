// SQL of one task's usage: its records, and what its cost depends on beside them.
import type { StopCode, TaskId, TaskState, TenantId } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { canonicalJson } from '../tasks/canonical-json.js';
import type { TaskHolding, TaskInterval } from './task-usage.js';
import { groupColumns } from './usage-groups.js';

export interface MeteredTask {
  readonly id: TaskId;
  readonly state: TaskState;
  readonly stopCode: StopCode | null;
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly frozen: boolean;
  readonly startedAtMs: number | null;
  /** Of its host; null while the host is in touch. */
  readonly lastSeenAtMs: number | null;
  readonly createdAtMs: number;
  readonly holding: TaskHolding;
}

/** The size that the task has, which may be less than what it holds for placement while it is to grow. */
const sizeInEffect = `coalesce((t.adjusted->>'cpuMillis')::int, t.cpu_millis) AS cpu_millis,
              coalesce((t.adjusted->>'memoryMiB')::int, t.memory_mib) AS memory_mib, coalesce((t.adjusted->>'frozen')::boolean, false) AS frozen`;

@Injectable()
export class UsageStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  async findTask(tenantId: TenantId, id: TaskId): Promise<MeteredTask | null> {
    const [row] = await this.database.query(
      `SELECT t.id, t.state, t.stop_code, t.started_at, ${sizeInEffect}, t.created_at, ${groupColumns},
              CASE WHEN h.state <> 'active' THEN h.last_seen_at END AS last_seen_at
       FROM tasks t JOIN task_definitions d ON d.id = t.task_definition_id LEFT JOIN hosts h ON h.id = t.host_id
       WHERE t.tenant_id = $1 AND t.id = $2`,
      [tenantId, id],
    );
    if (!row) return null;
    return {
      id: row.id,
      state: row.state,
      stopCode: row.stop_code,
      cpuMillis: row.cpu_millis,
      memoryMiB: row.memory_mib,
      frozen: row.frozen,
      startedAtMs: row.started_at?.getTime() ?? null,
      lastSeenAtMs: row.last_seen_at?.getTime() ?? null,
      createdAtMs: row.created_at.getTime(),
      holding: {
        tenantId: row.tenant_id,
        group: { definition: row.definition, group: row.group_name, tags: canonicalJson(row.tags), userOrKey: row.user_or_key },
        isolation: row.isolation,
        capacityTier: row.capacity_tier,
        diskMiB: row.disk_mib,
        gpus: row.gpus,
        addresses: row.addresses,
      },
    };
  }

  /** In the order of their sequence. */
  async listIntervals(id: TaskId): Promise<TaskInterval[]> {
    const rows: {
      started_at: Date;
      ended_at: Date;
      cpu_millis: number;
      memory_mib: number;
      frozen: boolean;
      pull: boolean;
      egress_bytes: string;
    }[] = await this.database.query(
      `SELECT started_at, ended_at, cpu_millis, memory_mib, frozen, pull, egress_bytes
       FROM usage_records WHERE task_id = $1 ORDER BY sequence`,
      [id],
    );
    return rows.map((row) => ({
      startMs: row.started_at.getTime(),
      endMs: row.ended_at.getTime(),
      cpuMillis: row.cpu_millis,
      memoryMiB: row.memory_mib,
      frozen: row.frozen,
      pull: row.pull,
      egressBytes: Number(row.egress_bytes),
    }));
  }
}
