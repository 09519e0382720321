// Rows for tests of scheduler and gateway: a tenant with one definition, hosts, and tasks of given sizes.
import { randomUUID } from 'node:crypto';
import type { HostId, HostState, TaskId, TaskState } from '@berth/contract';
import type { DataSource } from 'typeorm';
import type { Needs } from '../../src/placement/fleet.js';

const digest = `sha256:${'0'.repeat(64)}`;

/** What the containers of these tasks run; simulated agents go by it. */
export interface World {
  readonly tenantId: string;
  readonly definitionId: string;
}

export async function newWorld(db: DataSource, command: readonly string[] = ['sleep', 'forever']): Promise<World> {
  const world = { tenantId: randomUUID(), definitionId: randomUUID() };
  await db.query('INSERT INTO tenants (id, name) VALUES ($1, $2)', [world.tenantId, `t-${world.tenantId}`]);
  const container = {
    name: 'main',
    image: 'team/app:1',
    imageDigest: digest,
    command,
    environment: { FROM: 'definition' },
    essential: true,
    readonlyRootFilesystem: false,
    init: true,
    stopTimeoutSeconds: 1,
  };
  await db.query(`INSERT INTO task_definitions (id, tenant_id, family, revision, spec, spec_hash) VALUES ($1, $2, 'app', 1, $3, '\\x00')`, [
    world.definitionId,
    world.tenantId,
    JSON.stringify({ family: 'app', cpuMillis: 100, memoryMiB: 64, pidsLimit: 64, tags: {}, containers: [container] }),
  ]);
  return world;
}

export async function addHost(
  db: DataSource,
  { cpuMillis = 4000, memoryMiB = 4096, taskSlots = 100, state = 'active' as HostState, silentForSeconds = 0 } = {},
): Promise<HostId> {
  const id = randomUUID() as HostId;
  await db.query(
    `INSERT INTO hosts (id, name, state, cpu_millis, memory_mib, task_slots, last_seen_at)
     VALUES ($1, $2, $3, $4, $5, $6, now() - $7 * interval '1 second')`,
    [id, `host-${id.slice(0, 4)}`, state, cpuMillis, memoryMiB, taskSlots, silentForSeconds],
  );
  return id;
}

/** Each is younger than the one before it. */
export async function addTasks(
  db: DataSource,
  { tenantId, definitionId }: World,
  count: number,
  { cpuMillis = 100, memoryMiB = 64, state = 'pending' as TaskState, hostId = null as HostId | null, needs = {} as Needs } = {},
): Promise<TaskId[]> {
  const ids = Array.from({ length: count }, () => randomUUID() as TaskId);
  await db.query(
    `INSERT INTO tasks (id, tenant_id, task_definition_id, cpu_millis, memory_mib, state, host_id, needs, stop_code, created_at)
     SELECT id, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $6 = 'stopped' THEN 'UserInitiated' END, clock_timestamp() + n * interval '1 us'
     FROM unnest($1::uuid[]) WITH ORDINALITY AS x(id, n)`,
    [ids, tenantId, definitionId, cpuMillis, memoryMiB, state, hostId, JSON.stringify(needs)],
  );
  return ids;
}

export async function stateCounts(db: DataSource): Promise<Record<string, number>> {
  const rows: { state: string; count: number }[] = await db.query(
    'SELECT state, count(*)::int AS count FROM tasks GROUP BY state ORDER BY state',
  );
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
}

/** Polls until `probe` gives something; the test's own time limit ends it. */
export async function eventually<T>(probe: () => Promise<T | null | undefined | false> | T | null | undefined | false): Promise<T> {
  for (;;) {
    const result = await probe();
    if (result) return result;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
