// Tenants, tasks and usage for the billing benchmark, made by PostgreSQL itself: a million records one by one would take
// longer than what is measured.
import { randomUUID } from 'node:crypto';
import type { HostId, TaskId } from '@berth/contract';
import type { DataSource } from 'typeorm';
import { groupColumnNames, groupColumns, groupIdOf } from '../../src/billing/usage-groups.js';
import type { ReceivedUsage } from '../../src/billing/usage-intake.store.js';

const definitions = 5;
const host = randomUUID() as HostId;

/** Tenants with tasks that run since `since`, spread over definitions and two teams. @returns their ids. */
export async function makeTenants(source: DataSource, tenants: number, tasksEach: number, since: Date): Promise<string[]> {
  await source.query("INSERT INTO hosts (id, name, state) VALUES ($1, 'bench', 'active') ON CONFLICT DO NOTHING", [host]);
  const rows: { id: string }[] = await source.query(
    `INSERT INTO tenants (id, name, created_at) SELECT id, 'bench-' || id, $2 FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, $1)) AS t
     RETURNING id`,
    [tenants, since],
  );
  const ids = rows.map(({ id }) => id);
  await source.query(
    `INSERT INTO task_definitions (id, tenant_id, family, revision, spec, spec_hash)
     SELECT gen_random_uuid(), t.id, 'service-' || n, 1, '{}', '' FROM unnest($1::uuid[]) AS t(id), generate_series(1, ${definitions}) AS n`,
    [ids],
  );
  await source.query(
    `INSERT INTO tasks (id, tenant_id, task_definition_id, cpu_millis, memory_mib, state, host_id, created_at, started_at, tags)
     SELECT gen_random_uuid(), d.tenant_id, d.id, 250 * (1 + n % 4), 512 * (1 + n % 4), 'running', $2, $3, $3,
            jsonb_build_object('team', 'team-' || n % 2)
     FROM task_definitions d, generate_series(1, $4) AS n WHERE d.tenant_id = ANY ($1::uuid[])`,
    [ids, host, since, Math.ceil(tasksEach / definitions)],
  );
  return ids;
}

/** `each` records for each task, one after the other, over `spanMs` from `since`. Straight into the table. */
export async function fillRecords(
  source: DataSource,
  tenants: readonly string[],
  each: number,
  since: Date,
  spanMs: number,
): Promise<number> {
  const columns = groupColumns.replace(/\n/g, ' ');
  await source.query(
    `INSERT INTO usage_groups (id, ${groupColumnNames.join(', ')})
     SELECT DISTINCT ${groupIdOf('g')}, g.* FROM (
       SELECT ${columns}, false AS pull FROM tasks t JOIN task_definitions d ON d.id = t.task_definition_id WHERE t.tenant_id = ANY ($1::uuid[])) AS g
     ON CONFLICT DO NOTHING`,
    [tenants],
  );
  const [made]: { count: number }[] = await source.query(
    `WITH made AS (
       INSERT INTO usage_records (task_id, sequence, tenant_id, host_id, started_at, ended_at, cpu_millis, memory_mib, group_id)
       SELECT g.task_id, n, g.tenant_id, g.host_id, $2::timestamptz + n * $3::bigint * interval '1 millisecond',
              $2::timestamptz + (n + 1) * $3::bigint * interval '1 millisecond', g.cpu_millis, g.memory_mib, ${groupIdOf('g')}
       FROM (SELECT t.id AS task_id, t.host_id, t.cpu_millis, t.memory_mib, ${columns}, false AS pull
             FROM tasks t JOIN task_definitions d ON d.id = t.task_definition_id WHERE t.tenant_id = ANY ($1::uuid[])) AS g,
            generate_series(0, $4::int - 1) AS n RETURNING 1)
     SELECT count(*)::int AS count FROM made`,
    [tenants, since, Math.trunc(spanMs / each), each],
  );
  await source.query('ANALYZE usage_records');
  return made?.count ?? 0;
}

/** Batches as hosts send them: each one record of many tasks. */
export async function batchesOf(source: DataSource, tenant: string, rounds: number, size: number, since: Date): Promise<ReceivedUsage[][]> {
  const tasks: { id: TaskId }[] = await source.query('SELECT id FROM tasks WHERE tenant_id = $1 ORDER BY id', [tenant]);
  const batches: ReceivedUsage[][] = [];
  for (let round = 0; round < rounds; round++)
    for (let from = 0; from < tasks.length; from += size)
      batches.push(tasks.slice(from, from + size).map(({ id }) => recordOf(id, round, since)));
  return batches;
}

const lengthMs = 300_000;

function recordOf(taskId: TaskId, sequence: number, since: Date): ReceivedUsage {
  const startedAt = new Date(since.getTime() + sequence * lengthMs).toISOString();
  const endedAt = new Date(since.getTime() + (sequence + 1) * lengthMs).toISOString();
  return { hostId: host, taskId, sequence, startedAt, endedAt, cpuMillis: 500, memoryMiB: 1024 };
}
