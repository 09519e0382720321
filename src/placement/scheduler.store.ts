// What the scheduler reads and writes: the fleet, pages of pending tasks, plans and reasons. Each is one statement for a
// whole batch. Writes are guarded by the leader's epoch and answer null when it no longer leads.
import { type HostId, type HostState, limits, type PendingReason, type TaskId } from '@berth/contract';
import type { DataSource } from 'typeorm';
import { type SpecRow, toSpecSources } from '../agents/desired.store.js';
import type { SpecSource } from '../agents/task-spec.js';
import { holdsCapacity } from '../db/holding.js';
import { queryPrepared } from '../db/prepared.js';
import type { Fleet, Needs, PlaceableTask, Shape } from './fleet.js';
import { type Lease, leaseGuard } from './lease.store.js';
import type { PlacedTask } from './place.js';
import { volumesAllow, volumesChoose, volumesOnHosts } from './volume-homes.store.js';

/** Where the last page ended: tasks are taken oldest first. */
export interface PendingCursor {
  /** The database's own text of the instant: JavaScript would cut its microseconds. */
  readonly createdAt: string;
  readonly id: TaskId;
}

export interface PendingPage {
  readonly tasks: readonly PlaceableTask[];
  /** Null when there are no more. */
  readonly next: PendingCursor | null;
}

/** A task that was placed, with all that its host has to know. */
export interface Assignment extends SpecSource {
  readonly hostId: HostId;
}

export async function readFleet(db: DataSource): Promise<Fleet> {
  const rows = await queryPrepared<FleetRow>(
    db,
    'berth-fleet',
    `SELECT h.id, h.name, h.state, h.attributes, h.cpu_millis, h.memory_mib, h.task_slots, h.room_version, h.disk_mib, h.disk_pressure,
            coalesce(u.disk, 0) + coalesce(v.disk, 0) AS used_disk,
            coalesce(u.cpu, 0) AS used_cpu, coalesce(u.memory, 0) AS used_memory, coalesce(u.tasks, 0) AS used_slots, u.ports
     FROM hosts h LEFT JOIN (
       SELECT host_id, sum(cpu_millis)::int AS cpu, sum(memory_mib)::int AS memory, count(*)::int AS tasks,
              jsonb_agg(needs->'hostPorts') FILTER (WHERE needs ? 'hostPorts') AS ports,
              sum(coalesce((needs->>'diskMiB')::int, ${limits.ephemeralStorageMiB.default}))::int AS disk FROM tasks
       WHERE state ${holdsCapacity} GROUP BY host_id
     ) u ON u.host_id = h.id LEFT JOIN ${volumesOnHosts} v ON v.host_id = h.id`,
  );
  return {
    hosts: rows.map((row) => ({
      id: row.id,
      name: row.name,
      state: row.state,
      roomVersion: row.room_version,
      attributes: row.attributes,
      capacity: {
        cpuMillis: row.cpu_millis,
        memoryMiB: row.memory_mib,
        taskSlots: row.task_slots,
        ...(row.disk_mib === null ? {} : { diskMiB: row.disk_mib }),
      },
      diskPressure: row.disk_pressure,
      ports: row.ports?.flat() ?? [],
      used: { cpuMillis: row.used_cpu, memoryMiB: row.used_memory, taskSlots: row.used_slots, diskMiB: row.used_disk },
    })),
  };
}

/** @param except shapes that are known to fit nowhere: their tasks must not keep others from being looked at. */
export async function readPending(
  db: DataSource,
  limit: number,
  after: PendingCursor | null,
  except: readonly Shape[],
): Promise<PendingPage> {
  const rows = await queryPrepared<{ id: TaskId; cpu_millis: number; memory_mib: number; needs: Needs; created_at: string }>(
    db,
    'berth-pending',
    `SELECT id, cpu_millis, memory_mib, needs, created_at::text FROM tasks t
     WHERE state = 'pending' AND desired_state = 'running'
       AND ($2::timestamptz IS NULL OR (created_at, id) > ($2::timestamptz, $3::uuid))
       AND NOT EXISTS (SELECT FROM unnest($4::int[], $5::int[], $6::jsonb[]) AS x(cpu, memory, needs)
                       WHERE x.cpu = t.cpu_millis AND x.memory = t.memory_mib AND x.needs = t.needs)
     ORDER BY created_at, id LIMIT $1`,
    [limit, after?.createdAt ?? null, after?.id ?? null, ...columnsOf(except)],
  );
  const last = rows.at(-1);
  return {
    tasks: rows.map((row) => ({ id: row.id, cpuMillis: row.cpu_millis, memoryMiB: row.memory_mib, needs: row.needs })),
    next: last && rows.length === limit ? { createdAt: last.created_at, id: last.id } : null,
  };
}

/**
 * Commits a plan, and with it where new volumes live. Tasks that are no longer pending or whose volumes live elsewhere,
 * hosts that are no longer active and hosts on which a task was given more room since `fleet` was read are left out: the
 * next pass sees them as they are.
 * @returns what was placed, or null if `lease` no longer holds (nothing was written then).
 */
export async function commitPlacements(
  db: DataSource,
  lease: Lease,
  placed: readonly PlacedTask[],
  fleet: Pick<Fleet, 'hosts'> = { hosts: [] },
): Promise<Assignment[] | null> {
  const roomVersions = new Map(fleet.hosts.map(({ id, roomVersion }) => [id, roomVersion ?? null]));
  const rows = await queryPrepared<AssignmentRow>(
    db,
    'berth-commit-placements',
    // The lock is against a resize that is under way on the same host: it waits for us, or we see what it did.
    `${leaseGuard}, host AS (
       SELECT id, state, room_version FROM hosts WHERE id = ANY($4::uuid[]) ORDER BY id FOR KEY SHARE
     ), placed AS (
       UPDATE tasks t SET state = 'placed', host_id = p.host_id, placement = p.placement, placement_epoch = lease.epoch,
              placed_at = now(), pending_reason = NULL
       FROM lease, unnest($3::uuid[], $4::uuid[], $5::text[], $6::int[]) AS p(task_id, host_id, placement, room_version)
            JOIN host h ON h.id = p.host_id
       WHERE t.id = p.task_id AND t.state = 'pending' AND t.desired_state = 'running' AND h.state = 'active'
         AND h.room_version = coalesce(p.room_version, h.room_version) AND ${volumesAllow('t.needs', 'p.host_id')}
       RETURNING t.*
     ), ${volumesChoose('placed')}, events AS (
       INSERT INTO task_events (task_id, tenant_id, type, reason) SELECT id, tenant_id, 'placed', placement FROM placed
     )
     SELECT lease.epoch, p.id, p.tenant_id, p.name, p.cpu_millis, p.memory_mib, p.overrides, p.security_groups, p.needs->'volumes' AS volumes, p.host_id, p.task_definition_id,
            d.family, d.revision,
            CASE WHEN row_number() OVER (PARTITION BY p.task_definition_id) = 1 THEN d.spec END AS spec
     FROM lease LEFT JOIN placed p ON true LEFT JOIN task_definitions d ON d.id = p.task_definition_id`,
    [
      lease.holder,
      lease.epoch,
      placed.map(({ taskId }) => taskId),
      placed.map(({ hostId }) => hostId),
      placed.map(({ placement }) => placement),
      placed.map(({ hostId }) => roomVersions.get(hostId) ?? null),
    ],
  );
  return rows.length === 0 ? null : toAssignments(rows);
}

/**
 * Notes why tasks of these shapes are still pending, where that differs from what is noted.
 * @returns the tasks whose reason changed, or null if `lease` no longer holds.
 */
export async function writePendingReasons(
  db: DataSource,
  lease: Lease,
  reasons: readonly { shape: Shape; reason: PendingReason }[],
): Promise<TaskId[] | null> {
  const rows: { epoch: string; id: TaskId | null }[] = await db.query(
    `${leaseGuard}, changed AS (
       UPDATE tasks t SET pending_reason = r.reason
       FROM lease, unnest($3::int[], $4::int[], $5::jsonb[], $6::jsonb[]) AS r(cpu, memory, needs, reason)
       WHERE t.state = 'pending' AND t.cpu_millis = r.cpu AND t.memory_mib = r.memory AND t.needs = r.needs
         AND t.pending_reason IS DISTINCT FROM r.reason
       RETURNING t.id
     )
     SELECT lease.epoch, changed.id FROM lease LEFT JOIN changed ON true`,
    [lease.holder, lease.epoch, ...columnsOf(reasons.map(({ shape }) => shape)), reasons.map(({ reason }) => JSON.stringify(reason))],
  );
  return rows.length === 0 ? null : rows.flatMap(({ id }) => id ?? []);
}

/** Shapes as three arrays of one length, for unnest. */
function columnsOf(shapes: readonly Shape[]): [number[], number[], string[]] {
  return [
    shapes.map((shape) => shape.cpuMillis),
    shapes.map((shape) => shape.memoryMiB),
    shapes.map((shape) => JSON.stringify(shape.needs)),
  ];
}

interface FleetRow {
  id: HostId;
  name: string;
  state: HostState;
  attributes: Record<string, string>;
  cpu_millis: number;
  memory_mib: number;
  task_slots: number;
  room_version: number;
  disk_mib: number | null;
  disk_pressure: string | null;
  used_disk: number;
  used_cpu: number;
  used_memory: number;
  used_slots: number;
  /** A list for each task that has any. */
  ports: string[][] | null;
}

interface AssignmentRow extends Omit<SpecRow, 'id'> {
  /** Null in the single row that says "nothing was placed, but the lease holds". */
  id: TaskId | null;
  host_id: HostId;
}

function toAssignments(rows: readonly AssignmentRow[]): Assignment[] {
  const placed = rows.flatMap((row) => (row.id ? { ...row, id: row.id } : []));
  const hostOf = new Map(placed.map((row) => [row.id, row.host_id]));
  return toSpecSources(placed).flatMap((source) => ({ ...source, hostId: hostOf.get(source.taskId) as HostId }));
}
