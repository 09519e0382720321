// A tenant with a host, definitions and tasks in a database of a test, and records of their usage.
import { randomUUID } from 'node:crypto';
import type { HostId, TaskId, TenantId } from '@berth/contract';
import { DataSource } from 'typeorm';
import { insertUsage, type ReceivedUsage } from '../../src/billing/usage-intake.store.js';
import { freshDatabase } from './cluster.js';

export const hourMs = 3_600_000;

export interface Metered {
  readonly url: string;
  readonly source: DataSource;
  readonly tenant: TenantId;
  readonly host: HostId;
  newTask(more?: NewTask): Promise<TaskId>;
  stop(task: TaskId, code: string, atMs: number): Promise<void>;
  insert(records: readonly ReceivedUsage[]): Promise<number>;
  record(task: TaskId, sequence: number, fromMs: number, untilMs: number, more?: Partial<ReceivedUsage>): ReceivedUsage;
  destroy(): Promise<void>;
}

export interface NewTask {
  readonly family?: string;
  readonly spec?: object;
  readonly tags?: object;
  readonly needs?: object;
  readonly startedAtMs?: number;
  readonly cpuMillis?: number;
  readonly memoryMiB?: number;
}

export async function newMetered(serverUrl: string): Promise<Metered> {
  const database = await freshDatabase(serverUrl);
  const source = await new DataSource({ type: 'postgres', url: database.url, poolSize: 4 }).initialize();
  const tenant = randomUUID() as TenantId;
  const host = randomUUID() as HostId;
  await source.query(`INSERT INTO tenants (id, name) VALUES ($1, 't')`, [tenant]);
  await source.query(`INSERT INTO hosts (id, name, state) VALUES ($1, 'a', 'active')`, [host]);
  return {
    url: database.url,
    source,
    tenant,
    host,
    async newTask({ family = 'web', spec = {}, tags = {}, needs = {}, startedAtMs, cpuMillis = 1000, memoryMiB = 1024 } = {}) {
      const task = randomUUID() as string as TaskId;
      await source.query(
        `WITH definition AS (
           INSERT INTO task_definitions (id, tenant_id, family, revision, spec, spec_hash) VALUES ($1, $2, $3, 1, $4, '')
           ON CONFLICT (tenant_id, family, revision) DO UPDATE SET family = excluded.family RETURNING id
         )
         INSERT INTO tasks (id, tenant_id, task_definition_id, cpu_millis, memory_mib, state, host_id, started_at, tags, needs)
         SELECT $1, $2, id, $9, $10, 'running', $5, $6, $7, $8 FROM definition`,
        [task, tenant, family, spec, host, startedAtMs === undefined ? null : new Date(startedAtMs), tags, needs, cpuMillis, memoryMiB],
      );
      return task;
    },
    async stop(task, code, atMs) {
      await source.query(`UPDATE tasks SET state = 'stopped', stop_code = $2, stopped_at = $3 WHERE id = $1`, [task, code, new Date(atMs)]);
    },
    insert: (records) => source.transaction((manager) => insertUsage(manager, records)),
    record: (taskId, sequence, fromMs, untilMs, more) => ({
      hostId: host,
      taskId,
      sequence,
      startedAt: new Date(fromMs).toISOString(),
      endedAt: new Date(untilMs).toISOString(),
      cpuMillis: 1000,
      memoryMiB: 1024,
      ...more,
    }),
    async destroy() {
      await source.destroy();
      await database.drop();
    },
  };
}
