// SQL of what is recorded of tasks, for the comparison with journals.
import type { DataSource } from 'typeorm';
import type { Recorded } from './differences.js';

type Column = 'task_id' | 'since' | 'until' | 'ms' | 'cpu' | 'memory' | 'breaks' | 'egress' | 'pull_ms' | 'pull_cpu' | 'pull_memory';

export async function recordedUsage(database: DataSource, taskIds: readonly string[]): Promise<Map<string, Recorded>> {
  const rows: Record<Column, string>[] = await database.query(
    `WITH records AS (
       SELECT task_id, started_at, ended_at, cpu_millis, memory_mib, frozen, (extract(epoch FROM ended_at - started_at) * 1000)::bigint AS ms,
              lag(ended_at) OVER (PARTITION BY task_id ORDER BY sequence) <> started_at AS is_break, egress_bytes
       FROM usage_records WHERE task_id = ANY ($1::uuid[]) AND NOT pull
     ), pulls AS (
       SELECT task_id, sum(ms) AS ms, sum(ms * cpu_millis) AS cpu, sum(ms * memory_mib) AS memory
       FROM usage_records CROSS JOIN LATERAL (SELECT (extract(epoch FROM ended_at - started_at) * 1000)::bigint AS ms) AS length
       WHERE task_id = ANY ($1::uuid[]) AND pull GROUP BY task_id
     )
     SELECT task_id, (extract(epoch FROM min(started_at)) * 1000)::bigint AS since, (extract(epoch FROM max(ended_at)) * 1000)::bigint AS until,
            sum(r.ms) AS ms, sum(CASE WHEN frozen THEN 0 ELSE r.ms * cpu_millis END) AS cpu, sum(r.ms * memory_mib) AS memory,
            count(*) FILTER (WHERE is_break) AS breaks, sum(egress_bytes) AS egress,
            coalesce(max(p.ms), 0) AS pull_ms, coalesce(max(p.cpu), 0) AS pull_cpu, coalesce(max(p.memory), 0) AS pull_memory
     FROM records r LEFT JOIN pulls p USING (task_id) GROUP BY task_id`,
    [taskIds],
  );
  return new Map(
    rows.map((row) => [
      row.task_id,
      {
        taskId: row.task_id,
        fromMs: Number(row.since),
        untilMs: Number(row.until),
        ms: BigInt(row.ms),
        cpu: BigInt(row.cpu),
        memory: BigInt(row.memory),
        breaks: Number(row.breaks),
        egress: BigInt(row.egress),
        pull: { ms: BigInt(row.pull_ms), cpu: BigInt(row.pull_cpu), memory: BigInt(row.pull_memory) },
      },
    ]),
  );
}

/**
 * What is recorded of tasks that ran on the same hosts, and that the journals know nothing of.
 * @param span of time that the journals tell of
 */
export async function unknownUsage(
  database: DataSource,
  taskIds: readonly string[],
  span: { readonly fromMs: number; readonly untilMs: number },
): Promise<{ taskId: string; ms: string }[]> {
  return database.query(
    `SELECT task_id AS "taskId", sum((extract(epoch FROM ended_at - started_at) * 1000)::bigint)::text AS ms FROM usage_records
     WHERE host_id IN (SELECT DISTINCT host_id FROM usage_records WHERE task_id = ANY ($1::uuid[]))
       AND task_id <> ALL ($1::uuid[]) AND started_at >= $2 AND started_at < $3 AND NOT pull
     GROUP BY task_id ORDER BY task_id`,
    [taskIds, new Date(span.fromMs), new Date(span.untilMs)],
  );
}

/** Hours of the running sums that are not the sums of the records. */
export async function brokenHours(database: DataSource): Promise<number> {
  const [{ count }] = await database.query(
    `SELECT count(*)::int AS count FROM (
       SELECT tenant_id, sum(task_ms) AS task_ms, sum(egress) AS egress FROM usage_hours GROUP BY 1) h
     FULL JOIN (
       SELECT tenant_id, sum((extract(epoch FROM ended_at - started_at) * 1000)::bigint) AS task_ms, sum(egress_bytes) AS egress
       FROM usage_records GROUP BY 1) r
     USING (tenant_id) WHERE (h.task_ms, h.egress) IS DISTINCT FROM (r.task_ms, r.egress)`,
  );
  return count;
}
