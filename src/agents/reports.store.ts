// Reads and writes the status of reported tasks: two statements a batch, inside the caller's transaction.
import type { Adjusted, HostId, StopCode, TaskId, TaskState } from '@berth/contract';
import type { EntityManager } from 'typeorm';
import type { Decision, KnownTask } from './reports.js';

/** Locks the rows, in one order for everybody, until the transaction ends. */
export async function lockReportedTasks(manager: EntityManager, taskIds: readonly TaskId[]): Promise<Map<TaskId, KnownTask>> {
  const rows: KnownRow[] = await manager.query(
    `SELECT id, tenant_id, host_id, state, report_version, desired_stop_code, desired_stop_reason, stop_code, stop_reason,
            cpu_millis, memory_mib, adjusted
     FROM tasks WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE`,
    [taskIds],
  );
  return new Map(rows.map((row) => [row.id, toKnownTask(row)]));
}

/** Writes the changes and their events in one statement. */
export async function writeReports(manager: EntityManager, { changes, events }: Decision): Promise<void> {
  if (changes.length === 0) return;
  const rows = changes.map(({ report, stopCode, stopReason }) => ({
    id: report.taskId,
    version: report.version,
    state: report.state,
    containers: report.containers,
    address: report.address,
    ports: report.ports,
    timings: report.startTimings,
    adjusted: report.adjusted ?? null,
    health: report.health,
    protected_until: report.protection?.expiresAt ?? null,
    protection_set_at: report.protection?.setAt ?? null,
    stop_code: stopCode,
    stop_reason: stopReason,
    started_at: report.reachedAt.running ?? null,
    stopped_at: report.reachedAt.stopped ?? null,
  }));
  const eventRows = events.map(({ taskId, tenantId, type, at, reason }, n) => ({
    task_id: taskId,
    tenant_id: tenantId,
    type,
    at,
    reason,
    n,
  }));
  await manager.query(
    `WITH changed AS (
       UPDATE tasks t SET state = r.state, report_version = r.version, containers = r.containers, address = r.address, ports = r.ports,
              adjusted = coalesce(r.adjusted, t.adjusted),
              cpu_millis = ${heldNow('cpu_millis', 'cpuMillis')}, memory_mib = ${heldNow('memory_mib', 'memoryMiB')},
              start_timings = r.timings, started_at = coalesce(t.started_at, r.started_at),
              stop_code = r.stop_code, stop_reason = r.stop_reason, health = r.health,
              protected_until = CASE WHEN r.protection_set_at > coalesce(t.protection_set_at, '-infinity') THEN r.protected_until ELSE t.protected_until END,
              protection_set_at = greatest(t.protection_set_at, r.protection_set_at),
              stopped_at = CASE WHEN r.state = 'stopped' THEN coalesce(r.stopped_at, now()) END
       FROM jsonb_to_recordset($1::jsonb) AS r(id uuid, version bigint, state text, containers jsonb, address text, ports jsonb, timings jsonb, adjusted jsonb,
            stop_code text, stop_reason text, started_at timestamptz, stopped_at timestamptz,
            health text, protected_until timestamptz, protection_set_at timestamptz)
       WHERE t.id = r.id
     )
     INSERT INTO task_events (task_id, tenant_id, at, type, reason)
     SELECT task_id, tenant_id, coalesce(at, now()), type, reason
     FROM jsonb_to_recordset($2::jsonb) AS e(task_id uuid, tenant_id uuid, type text, at timestamptz, reason text, n int)
     ORDER BY n`,
    [JSON.stringify(rows), JSON.stringify(eventRows)],
  );
}

/**
 * What the task holds for placement once the agent has answered: what it has, and while a newer wish is open, no less
 * than that asks for.
 */
function heldNow(column: string, field: string): string {
  const has = `(r.adjusted->>'${field}')::int`;
  const open = `(r.adjusted->>'version')::int < t.wish_version`;
  return `CASE WHEN r.adjusted IS NULL THEN t.${column} WHEN ${open} THEN greatest(${has}, (t.wish->>'${field}')::int) ELSE ${has} END`;
}

interface KnownRow {
  id: TaskId;
  tenant_id: string;
  host_id: HostId | null;
  state: TaskState;
  report_version: string;
  desired_stop_code: StopCode | null;
  desired_stop_reason: string | null;
  stop_code: StopCode | null;
  stop_reason: string | null;
  cpu_millis: number;
  memory_mib: number;
  adjusted: Adjusted | null;
}

function toKnownTask(row: KnownRow): KnownTask {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    hostId: row.host_id,
    state: row.state,
    reportVersion: Number(row.report_version),
    desiredStopCode: row.desired_stop_code,
    desiredStopReason: row.desired_stop_reason,
    stopCode: row.stop_code,
    stopReason: row.stop_reason,
    cpuMillis: row.cpu_millis,
    memoryMiB: row.memory_mib,
    adjusted: row.adjusted,
  };
}
