// Reads the fleet from PostgreSQL: all of it, or what has changed since it was read last, in one statement and so from one
// snapshot. Rows carry the id of the transaction that changed them (migration 1766020000000); all transactions below the
// oldest that was under way at a read (`frontier`) were over and seen by it, so the next read asks from there on. Rows may
// come twice, never not at all.
import type { DataSource } from 'typeorm';
import { holdsCapacity } from '../db/holding.js';
import { hostAttributes, hostState } from '../db/host-columns.js';
import { queryPrepared } from '../db/prepared.js';
import type { CapacityGroupRow, FleetChanges, HostRow, TaskRow, TenantWeightRow, VolumeRow } from './fleet.js';

/** Up to where the database was read; opaque. */
export type Frontier = string;

export interface FleetReading extends FleetChanges {
  readonly frontier: Frontier;
}

const hostFields = `h.id, h.name, ${hostState} AS state, h.room_version AS "roomVersion", ${hostAttributes} AS attributes, h.cpu_millis AS "cpuMillis", h.memory_mib AS "memoryMiB",
  h.task_slots AS "taskSlots", h.disk_mib AS "diskMiB", h.disk_pressure AS "diskPressure"`;

const taskFields = `t.id, t.tenant_id AS "tenantId", t.state, t.desired_state = 'stopped' AS stopping, t.host_id AS "hostId", t.cpu_millis AS "cpuMillis",
  t.memory_mib AS "memoryMiB", t.needs::text AS needs, nullif(t.tags, '{}') AS tags, t.group_name AS "group",
  CASE WHEN t.gang_id IS NOT NULL THEN json_build_object('id', t.gang_id, 'min', t.gang_min) END AS gang, t.replaced_by AS "replacedBy",
  -- Of tasks that others may evict: those of a request that has a budget, or else of a definition that has one.
  CASE WHEN t.needs->>'capacityTier' = 'spot' THEN coalesce(t.disruption_group,
    (SELECT d.id FROM task_definitions d WHERE d.id = t.task_definition_id AND d.spec ? 'disruptionBudget')) END AS "budgetGroup",
  CASE WHEN t.placed_at IS NULL THEN 0 ELSE floor(extract(epoch FROM now() - t.placed_at))::int END AS "ageS"`;

const waits = `t.state = 'pending' AND t.desired_state = 'running'`;
const list = (rows: string) => `coalesce((SELECT json_agg(x) FROM (${rows}) AS x), '[]')`;
const reading = (hosts: string, tasks: string, volumes: string) => `
  SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS frontier,
         ${list(`SELECT ${hostFields} FROM hosts h WHERE ${hosts}`)} AS hosts,
         ${list(`SELECT * FROM (${tasks}) AS t`)} AS tasks,
         ${list(`SELECT id, host_id AS "hostId", size_mib AS "sizeMiB", removed_at IS NOT NULL AS removed FROM volumes WHERE ${volumes}`)} AS volumes,
         ${list(`SELECT g.id, g.name, g.cpu_millis AS "cpuMillis", g.memory_mib AS "memoryMiB", g.gpus,
                   ARRAY(SELECT tenant_id FROM capacity_group_tenants t WHERE t.group_id = g.id ORDER BY tenant_id) AS tenants
                 FROM capacity_groups g ORDER BY g.name`)} AS "capacityGroups",
         ${list(`SELECT id AS "tenantId", placement_weight AS weight FROM tenants WHERE placement_weight <> 1`)} AS weights`;
const tasksWhere = (condition: string, order = '') => `(SELECT ${taskFields} FROM tasks t WHERE ${condition} ${order})`;
const oldestFirst = 'ORDER BY t.created_at, t.id';

const wholeFleet = reading(
  'h.removed_at IS NULL',
  `${tasksWhere(`t.state ${holdsCapacity}`)} UNION ALL ${tasksWhere(waits, oldestFirst)}`,
  'removed_at IS NULL',
);
const changedFleet = reading(
  'h.changed_xid >= $1::xid8',
  // The leader's own placements are no news to it.
  `${tasksWhere(`t.room_xid >= $1::xid8 AND NOT (t.state = 'placed' AND t.desired_state = 'running' AND t.placement_epoch IS NOT DISTINCT FROM $2::bigint)`)}
   UNION ALL ${tasksWhere(`t.arrived_xid >= $1::xid8 AND ${waits}`, oldestFirst)}`,
  'room_xid >= $1::xid8',
);
const someOfFleet = reading(
  'h.id = ANY($1::uuid[])',
  tasksWhere('t.id = ANY($2::uuid[])'),
  `id IN (SELECT (need->>'id')::uuid FROM tasks t, jsonb_array_elements(t.needs->'volumes') AS need WHERE t.id = ANY($2::uuid[]))`,
);

export async function readFleet(db: DataSource): Promise<FleetReading> {
  const [row] = await queryPrepared<FleetReadingRow>(db, 'berth-fleet', wholeFleet);
  return { ...(row as FleetReadingRow), complete: true };
}

/** @param ownEpoch placements of this epoch are left out; null: none are. */
export async function readFleetChanges(db: DataSource, since: Frontier, ownEpoch: number | null): Promise<FleetReading> {
  const [row] = await queryPrepared<FleetReadingRow>(db, 'berth-fleet-changes', changedFleet, [since, ownEpoch]);
  return { ...(row as FleetReadingRow), complete: false };
}

/** These hosts and tasks as they are now, tasks of whatever state. */
export async function readHostsAndTasks(
  db: DataSource,
  hostIds: readonly string[],
  taskIds: readonly string[],
): Promise<Pick<FleetReading, 'hosts' | 'tasks' | 'volumes'>> {
  const [row] = await queryPrepared<FleetReadingRow>(db, 'berth-fleet-some', someOfFleet, [hostIds, taskIds]);
  return row as FleetReadingRow;
}

interface FleetReadingRow {
  frontier: Frontier;
  hosts: HostRow[];
  tasks: TaskRow[];
  volumes: VolumeRow[];
  capacityGroups: CapacityGroupRow[];
  weights: TenantWeightRow[];
}
