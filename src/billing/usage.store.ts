// SQL of usage records: the agents' measurements, kept for ever, never changed.
import type { HostId, StopCode, TaskId, TaskState, TenantId, UsageRecord } from '@berth/contract';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import type { UsageInterval } from './rate.js';

/** What a task's cost depends on beside its records. */
export interface MeteredTask {
  readonly id: TaskId;
  readonly state: TaskState;
  readonly stopCode: StopCode | null;
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly startedAtMs: number | null;
  /** Of its host; null while the host is in touch. */
  readonly lastSeenAtMs: number | null;
  readonly createdAtMs: number;
}

/** A record and the host that sent it. */
export type ReceivedUsage = UsageRecord & { readonly hostId: HostId };

/**
 * Keeps what hosts have measured, in one statement. A record that is there already stays as it is, and a record of a
 * task that is not on its host is dropped: a host can bill only for its own.
 * @param manager of the transaction that also keeps the status the records came with
 * @returns how many were new.
 */
export async function insertUsage(manager: EntityManager, records: readonly ReceivedUsage[]): Promise<number> {
  if (records.length === 0) return 0;
  const [{ count }] = await manager.query(
    `WITH kept AS (
       INSERT INTO usage_records (task_id, sequence, tenant_id, host_id, started_at, ended_at, cpu_millis, memory_mib, frozen)
       SELECT r."taskId", r.sequence, t.tenant_id, t.host_id, r."startedAt", r."endedAt", r."cpuMillis", r."memoryMiB", coalesce(r.frozen, false)
       FROM jsonb_to_recordset($1::jsonb) AS r("hostId" uuid, "taskId" uuid, sequence int, "startedAt" timestamptz,
                                               "endedAt" timestamptz, "cpuMillis" int, "memoryMiB" int, frozen boolean)
       JOIN tasks t ON t.id = r."taskId" AND t.host_id = r."hostId"
       WHERE r."endedAt" >= r."startedAt"
       ON CONFLICT DO NOTHING
       RETURNING 1
     )
     SELECT count(*)::int AS count FROM kept`,
    [JSON.stringify(records)],
  );
  return count;
}

/** The size that the task has, which may be less than what it holds for placement while it is to grow. */
const sizeInEffect = `coalesce((t.adjusted->>'cpuMillis')::int, t.cpu_millis) AS cpu_millis,
              coalesce((t.adjusted->>'memoryMiB')::int, t.memory_mib) AS memory_mib`;

@Injectable()
export class UsageStore {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  async findTask(tenantId: TenantId, id: TaskId): Promise<MeteredTask | null> {
    const [row] = await this.database.query(
      `SELECT t.id, t.state, t.stop_code, t.started_at, ${sizeInEffect}, t.created_at,
              CASE WHEN h.state <> 'active' THEN h.last_seen_at END AS last_seen_at
       FROM tasks t LEFT JOIN hosts h ON h.id = t.host_id WHERE t.tenant_id = $1 AND t.id = $2`,
      [tenantId, id],
    );
    if (!row) return null;
    return {
      id: row.id,
      state: row.state,
      stopCode: row.stop_code,
      cpuMillis: row.cpu_millis,
      memoryMiB: row.memory_mib,
      startedAtMs: row.started_at?.getTime() ?? null,
      lastSeenAtMs: row.last_seen_at?.getTime() ?? null,
      createdAtMs: row.created_at.getTime(),
    };
  }

  /** In the order of their sequence. */
  async listIntervals(id: TaskId): Promise<UsageInterval[]> {
    const rows: { started_at: Date; ended_at: Date; cpu_millis: number; memory_mib: number }[] = await this.database.query(
      'SELECT started_at, ended_at, cpu_millis, memory_mib FROM usage_records WHERE task_id = $1 ORDER BY sequence',
      [id],
    );
    return rows.map((row) => ({
      startMs: row.started_at.getTime(),
      endMs: row.ended_at.getTime(),
      cpuMillis: row.cpu_millis,
      memoryMiB: row.memory_mib,
    }));
  }
}
