// The rows of `hosts`: what agents say of their machines, when they were last heard, and what operators see.
import { type Capacity, type Host, type HostAvailability, type HostId, type HostState, type Interruption, limits } from '@berth/contract';
import type { DataSource } from 'typeorm';
import { holdsCapacity } from '../db/holding.js';
import { hostAttributes, hostState, hostZone } from '../db/host-columns.js';
import { volumesOnHosts } from '../placement/volume-homes.store.js';

/** Anything that runs a statement: the pool, or the heartbeats' own connection. */
export interface Connection {
  query(sql: string, parameters?: unknown[]): Promise<{ rows: unknown[] }>;
}

export interface HostFacts {
  readonly name: string;
  readonly bootId: string;
  readonly capacity: Capacity;
  readonly attributes: Readonly<Record<string, string>>;
  readonly diskPressure: string | null;
}

export async function hostExists(db: DataSource, hostId: HostId): Promise<boolean> {
  const rows: unknown[] = await db.query('SELECT FROM hosts WHERE id = $1 AND removed_at IS NULL', [hostId]);
  return rows.length > 0;
}

/** A host's agent has connected. @returns false if there is no such host. */
export async function activateHost(db: DataSource, hostId: HostId, facts: HostFacts): Promise<boolean> {
  const { cpuMillis, memoryMiB, taskSlots, diskMiB = null } = facts.capacity;
  const [rows]: [unknown[], number] = await db.query(
    `UPDATE hosts SET state = 'active', last_seen_at = now(), name = $2, boot_id = $3, cpu_millis = $4, memory_mib = $5, task_slots = $6,
            attributes = $7, disk_mib = $8, disk_pressure = $9,
            interruption_at = CASE WHEN boot_id IS DISTINCT FROM $3 THEN NULL ELSE interruption_at END
     WHERE id = $1 AND removed_at IS NULL RETURNING id`,
    [hostId, facts.name, facts.bootId, cpuMillis, memoryMiB, taskSlots, JSON.stringify(facts.attributes), diskMiB, facts.diskPressure],
  );
  return rows.length > 0;
}

/**
 * Notes that these hosts were heard; an unreachable one is active again. A lost one stays lost: its tasks were given
 * up, so it has to connect anew and be told.
 */
export async function touchHosts(connection: Connection, hostIds: readonly HostId[]): Promise<{ recovered: HostId[]; lost: HostId[] }> {
  const { rows } = await connection.query(
    `WITH before AS (SELECT id, state FROM hosts WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE)
     UPDATE hosts h SET last_seen_at = now(), state = CASE WHEN before.state = 'unreachable' THEN 'active' ELSE before.state END
     FROM before WHERE h.id = before.id RETURNING h.id, before.state`,
    [hostIds],
  );
  const were = (state: 'unreachable' | 'lost') =>
    (rows as { id: HostId; state: string }[]).filter((row) => row.state === state).map(({ id }) => id);
  return { recovered: were('unreachable'), lost: were('lost') };
}

/** @param diskPressure why this host's disk can take no more tasks; null when it can. */
export async function noteDiskPressure(db: DataSource, hostId: HostId, diskPressure: string | null): Promise<void> {
  await db.query('UPDATE hosts SET disk_pressure = $2 WHERE id = $1', [hostId, diskPressure]);
}

/** Of each life of a machine once. @returns whether it is news. */
export async function noteInterruption(db: DataSource, hostId: HostId, { at, action }: Interruption): Promise<boolean> {
  const rows: unknown[] = await db.query(
    `WITH noted AS (UPDATE hosts SET interruption_at = $2 WHERE id = $1 AND interruption_at IS NULL RETURNING id)
     INSERT INTO host_events (host_id, type, reason) SELECT id, 'interruption-notice', $3 FROM noted RETURNING host_id`,
    [hostId, at, `EC2 takes the machine back (${action}) at ${at}.`],
  );
  return rows.length > 0;
}

/** Hosts as operators see them, oldest first; not those that were removed. @param hostId only this one. */
export async function readHosts(db: DataSource, hostId: HostId | null): Promise<Host[]> {
  const rows: HostRow[] = await db.query(
    `SELECT h.*, ${hostState} AS state, ${hostZone} AS zone, ${hostAttributes} AS attributes,
            coalesce(u.cpu, 0) AS used_cpu, coalesce(u.memory, 0) AS used_memory, coalesce(u.tasks, 0) AS tasks,
            coalesce(u.disk, 0) + coalesce(v.disk, 0) AS used_disk
     FROM hosts h LEFT JOIN LATERAL (
       SELECT sum(cpu_millis)::int AS cpu, sum(memory_mib)::int AS memory, count(*)::int AS tasks,
              sum(coalesce((needs->>'diskMiB')::int, ${limits.ephemeralStorageMiB.default}))::int AS disk FROM tasks t
       WHERE t.host_id = h.id AND t.state ${holdsCapacity}
     ) u ON true LEFT JOIN ${volumesOnHosts} v ON v.host_id = h.id
     WHERE h.removed_at IS NULL AND ($1::uuid IS NULL OR h.id = $1)
     ORDER BY h.enrolled_at, h.id`,
    [hostId],
  );
  return rows.map(toHost);
}

interface HostRow {
  id: string;
  name: string;
  state: HostState;
  availability: HostAvailability;
  pool: string;
  zone: string;
  operator_attributes: Record<string, string>;
  cpu_millis: number;
  memory_mib: number;
  task_slots: number;
  disk_mib: number | null;
  disk_pressure: string | null;
  used_disk: number;
  used_cpu: number;
  used_memory: number;
  tasks: number;
  attributes: Record<string, string>;
  enrolled_at: Date;
  last_seen_at: Date | null;
}

function toHost(row: HostRow): Host {
  return {
    id: row.id,
    name: row.name,
    state: row.state,
    availability: row.availability,
    pool: row.pool,
    zone: row.zone,
    cpuMillis: row.cpu_millis,
    memoryMiB: row.memory_mib,
    taskSlots: row.task_slots,
    diskMiB: row.disk_mib,
    diskPressure: row.disk_pressure,
    usedCpuMillis: row.used_cpu,
    usedMemoryMiB: row.used_memory,
    usedDiskMiB: row.used_disk,
    tasks: row.tasks,
    attributes: row.attributes,
    operatorAttributes: row.operator_attributes,
    enrolledAt: row.enrolled_at.toISOString(),
    lastSeenAt: row.last_seen_at?.toISOString() ?? null,
  };
}
