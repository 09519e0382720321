// Reads all that the fleet's decisions are made from, in one snapshot: a task that is being placed must not be seen as
// waiting and as placed at once. Tasks come counted by make, so that many that are alike are one row.
import type { DataSource, EntityManager } from 'typeorm';
import { holdsCapacity } from '../db/holding.js';
import { hostAttributes, hostState, takesTasks } from '../db/host-columns.js';
import type { HostRow as PlacementHostRow } from '../placement/fleet.js';
import { hostSpecOf } from '../placement/host-spec.js';
import { volumesOnHosts } from '../placement/volume-homes.store.js';
import { type DemandRow, toDemands } from './demand.js';
import { readPoolViews } from './pools.store.js';
import type { FleetHost, FleetView, MachineView } from './types.js';

export type FleetRows = Omit<FleetView, 'instances'>;

/** @returns null when there are neither pools nor machines: then there is nothing to decide. */
export async function readFleetRows(db: DataSource): Promise<FleetRows | null> {
  return db.transaction('REPEATABLE READ', async (manager) => {
    const [pools, machines] = [await readPoolViews(manager), await readMachines(manager)];
    if (pools.length === 0 && machines.length === 0) return null;
    const [{ now_ms: nowMs }] = await manager.query(`SELECT ${millis('now()')} AS now_ms`);
    const hosts = await readHosts(manager);
    const { held, pending } = await readDemand(manager);
    return { nowMs, pools, machines, hosts, held, pending, shortages: await readShortages(manager) };
  });
}

async function readMachines(manager: EntityManager): Promise<MachineView[]> {
  return manager.query(
    `SELECT m.id, m.pool_id AS "poolId", m.state, m.instance_type AS "instanceType", m.zone, m.market, m.instance_id AS "instanceId",
            coalesce(m.host_id, t.host_id) AS "hostId", m.drain_final AS "drainFinal", ${millis('m.requested_at')} AS "requestedAtMs",
            ${millis('m.launched_at')} AS "launchedAtMs", ${millis('m.unneeded_since')} AS "unneededSinceMs",
            ${millis('m.ending_since')} AS "endingSinceMs"
     FROM pool_machines m LEFT JOIN host_tokens t ON t.secret_hash = m.token_hash
     WHERE m.state <> 'ended' ORDER BY m.requested_at, m.id`,
  );
}

async function readHosts(manager: EntityManager): Promise<FleetHost[]> {
  const rows: HostRow[] = await manager.query(
    `SELECT h.id, h.name, ${hostState} AS state, h.room_version AS "roomVersion", ${hostAttributes} AS attributes,
            h.cpu_millis AS "cpuMillis", h.memory_mib AS "memoryMiB", h.task_slots AS "taskSlots", h.disk_mib AS "diskMiB",
            h.disk_pressure AS "diskPressure", coalesce(v.disk, 0) AS "volumesMiB",
            h.last_seen_at IS NOT NULL AS seen, h.state = 'active' AS reachable, ${takesTasks} AND h.disk_pressure IS NULL AS open,
            h.state = 'lost' AS lost, h.interruption_at IS NOT NULL AS interrupted,
            h.availability = 'cordoned' AND coalesce((SELECT d.outcome = 'drained' FROM host_drains d
              WHERE d.host_id = h.id ORDER BY d.started_at DESC LIMIT 1), false) AS drained
     FROM hosts h LEFT JOIN ${volumesOnHosts} v ON v.host_id = h.id
     WHERE h.removed_at IS NULL ORDER BY h.id`,
  );
  return rows.map(toHost);
}

/** Spot tasks use what is idle: nothing is bought for them. */
async function readDemand(manager: EntityManager): Promise<Pick<FleetView, 'held' | 'pending'>> {
  const held: DemandRow[] = await manager.query(
    `SELECT ${asked}, host_id AS "hostId", on_host_drain = 'replace' AS movable FROM tasks t
     WHERE state ${holdsCapacity} GROUP BY ${make}, host_id, on_host_drain ORDER BY host_id`,
  );
  const pending: DemandRow[] = await manager.query(
    `SELECT ${asked}, ${home} AS "hostId", false AS movable FROM tasks t
     WHERE state = 'pending' AND desired_state = 'running' AND coalesce(needs->>'capacityTier', 'flex') <> 'spot' GROUP BY ${make} ORDER BY min(created_at)`,
  );
  return toDemands(held, pending);
}

const make = 'tenant_id, cpu_millis, memory_mib, needs, tags, group_name';
const asked = `tenant_id AS "tenantId", cpu_millis AS "cpuMillis", memory_mib AS "memoryMiB", needs::text AS needs, nullif(tags, '{}') AS tags,
  group_name AS "group", count(*)::int AS count`;
/** Where its volumes are. Those that are nowhere yet are made where it is placed. */
const home = `(SELECT v.host_id FROM jsonb_array_elements(CASE WHEN needs ? 'volumes' THEN needs->'volumes' ELSE '[]' END) AS need
  JOIN volumes v ON v.id = (need->>'id')::uuid WHERE v.host_id IS NOT NULL LIMIT 1)`;

async function readShortages(manager: EntityManager): Promise<FleetView['shortages']> {
  return manager.query(
    `SELECT instance_type AS "instanceType", zone, market, ${millis('until')} AS "untilMs" FROM pool_shortages WHERE until > now()`,
  );
}

interface HostRow extends PlacementHostRow, Omit<FleetHost, 'spec' | 'hasVolumes'> {
  readonly volumesMiB: number;
}

function toHost(row: HostRow): FleetHost {
  const { seen, reachable, open, lost, interrupted, drained, volumesMiB } = row;
  return {
    ...{ seen, reachable, open, lost, interrupted, drained },
    hasVolumes: volumesMiB > 0,
    spec: hostSpecOf(row, volumesMiB),
  };
}

function millis(instant: string): string {
  return `extract(epoch FROM ${instant})::float8 * 1000`;
}
