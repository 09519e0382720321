// SQL that takes in what hosts have measured. Records are kept for ever and never changed; their sums by the hour and by
// task are kept by the same statement, so that they can't differ from them.
import type { HostId, UsageRecord } from '@berth/contract';
import type { EntityManager } from 'typeorm';
import { groupColumnNames, groupColumns, groupIdOf } from './usage-groups.js';

/** A record and the host that sent it. */
export type ReceivedUsage = UsageRecord & { readonly hostId: HostId };

/**
 * One statement. A record that is there already stays as it is; dropped is a record of a task that is not on its host, for a
 * host can bill only for its own, and one that overlaps another of its task, for time is billed once.
 * @param manager of the transaction that also keeps the status the records came with
 * @returns how many were new.
 */
export async function insertUsage(manager: EntityManager, records: readonly ReceivedUsage[]): Promise<number> {
  if (records.length === 0) return 0;
  const [{ count }] = await manager.query(statement, [JSON.stringify(records)]);
  return count;
}

/** Of `kept k`: CPU is not held while a task is frozen. */
const msOf = '(extract(epoch FROM upto - since) * 1000)::bigint';

// Everything is written in one order, so that two replicas never wait for each other.
const statement = `
  WITH incoming AS (
    SELECT r."taskId" AS task_id, r.sequence, r."startedAt" AS started_at, r."endedAt" AS ended_at, r."cpuMillis" AS cpu_millis,
           r."memoryMiB" AS memory_mib, coalesce(r.frozen, false) AS frozen, coalesce(r."egressBytes", 0) AS egress_bytes,
           coalesce(r.pull, false) AS pull, t.host_id, ${groupColumns}
    FROM jsonb_to_recordset($1::jsonb) AS r("hostId" uuid, "taskId" uuid, sequence int, "startedAt" timestamptz, "endedAt" timestamptz,
                                            "cpuMillis" int, "memoryMiB" int, frozen boolean, "egressBytes" bigint, pull boolean)
    JOIN tasks t ON t.id = r."taskId" AND t.host_id = r."hostId"
    JOIN task_definitions d ON d.id = t.task_definition_id
    WHERE r."endedAt" >= r."startedAt"
  ), grouped AS (
    SELECT *, ${groupIdOf('i')} AS group_id FROM incoming i
  ), kept AS (
    INSERT INTO usage_records (task_id, sequence, tenant_id, host_id, started_at, ended_at, cpu_millis, memory_mib, frozen,
                               egress_bytes, pull, group_id)
    SELECT task_id, sequence, tenant_id, host_id, started_at, ended_at, cpu_millis, memory_mib, frozen, egress_bytes, pull, group_id
    FROM grouped ORDER BY task_id, sequence
    ON CONFLICT DO NOTHING
    RETURNING *
  ), named AS (
    INSERT INTO usage_groups (id, ${groupColumnNames.join(', ')})
    SELECT DISTINCT ON (group_id) group_id, ${groupColumnNames.join(', ')} FROM grouped ORDER BY group_id
    ON CONFLICT DO NOTHING
  ), pieces AS (
    SELECT k.tenant_id, k.group_id, hour, cpu_millis, memory_mib, frozen,
           greatest(k.started_at, hour) AS since, least(k.ended_at, hour + interval '1 hour') AS upto,
           CASE WHEN hour = max(hour) OVER (PARTITION BY k.task_id, k.sequence) THEN egress_bytes ELSE 0 END AS egress_bytes
    FROM kept k LEFT JOIN billing_details z ON z.tenant_id = k.tenant_id
    CROSS JOIN LATERAL generate_series(date_trunc('hour', k.started_at, coalesce(z.time_zone, 'UTC')),
                                       greatest(k.started_at, k.ended_at - interval '1 microsecond'), interval '1 hour') AS hour
  ), summed AS (
    INSERT INTO usage_hours AS u (tenant_id, hour, group_id, task_ms, cpu, memory, egress)
    SELECT tenant_id, hour, group_id, sum(${msOf}), sum(CASE WHEN frozen THEN 0 ELSE cpu_millis * ${msOf} END),
           sum(memory_mib * ${msOf}), sum(egress_bytes)
    FROM pieces GROUP BY tenant_id, hour, group_id ORDER BY tenant_id, hour, group_id
    ON CONFLICT (tenant_id, hour, group_id) DO UPDATE SET task_ms = u.task_ms + excluded.task_ms, cpu = u.cpu + excluded.cpu,
       memory = u.memory + excluded.memory, egress = u.egress + excluded.egress
  ), followed AS (
    INSERT INTO usage_tasks AS u (task_id, tenant_id, group_id, recorded_until, ran_ms, cpu_millis, memory_mib)
    SELECT DISTINCT ON (task_id) task_id, tenant_id, group_id, max(ended_at) OVER task,
           sum(CASE WHEN pull THEN 0 ELSE (extract(epoch FROM ended_at - started_at) * 1000)::bigint END) OVER task, cpu_millis, memory_mib
    FROM kept WINDOW task AS (PARTITION BY task_id) ORDER BY task_id, sequence DESC
    ON CONFLICT (task_id) DO UPDATE SET recorded_until = greatest(u.recorded_until, excluded.recorded_until), ran_ms = u.ran_ms + excluded.ran_ms,
       group_id = CASE WHEN excluded.recorded_until > u.recorded_until THEN excluded.group_id ELSE u.group_id END,
       cpu_millis = CASE WHEN excluded.recorded_until > u.recorded_until THEN excluded.cpu_millis ELSE u.cpu_millis END,
       memory_mib = CASE WHEN excluded.recorded_until > u.recorded_until THEN excluded.memory_mib ELSE u.memory_mib END
  )
  SELECT count(*)::int AS count FROM kept`;
