// When hosts were last seen, and what becomes of silent ones. Writes are guarded by the leader's epoch and repeat the
// condition: a heartbeat that came in between wins.
import type { HostId, TaskId } from '@berth/contract';
import type { DataSource } from 'typeorm';
import { holdsCapacity } from '../db/holding.js';
import { type Lease, leaseGuard } from './lease.store.js';
import type { HostSighting } from './liveness.js';

/** The database's time, and the hosts that are not lost yet. */
export async function readSightings(db: DataSource): Promise<{ nowMs: number; hosts: HostSighting[] }> {
  const rows: { now_ms: number; id: HostId | null; state: HostSighting['state']; seen_ms: number }[] = await db.query(
    `SELECT extract(epoch FROM now())::float8 * 1000 AS now_ms, h.id, h.state,
            extract(epoch FROM coalesce(h.last_seen_at, h.enrolled_at))::float8 * 1000 AS seen_ms
     FROM (SELECT) AS one LEFT JOIN hosts h ON h.state <> 'lost'`,
  );
  return {
    nowMs: rows[0]?.now_ms ?? 0,
    hosts: rows.flatMap(({ id, state, seen_ms }) => (id ? { id, state, lastSeenMs: seen_ms } : [])),
  };
}

/** @returns the hosts that became unreachable, or null if `lease` no longer holds. */
export async function markUnreachable(
  db: DataSource,
  lease: Lease,
  hostIds: readonly HostId[],
  silentMs: number,
): Promise<HostId[] | null> {
  const rows: { id: HostId | null }[] = await db.query(
    `${leaseGuard}, marked AS (
       UPDATE hosts SET state = 'unreachable' FROM lease
       WHERE id = ANY($3::uuid[]) AND state = 'active' AND coalesce(last_seen_at, enrolled_at) <= now() - $4 * interval '1 ms' RETURNING id
     )
     SELECT marked.id FROM lease LEFT JOIN marked ON true`,
    [lease.holder, lease.epoch, hostIds, Math.floor(silentMs)],
  );
  return rows.length === 0 ? null : rows.flatMap(({ id }) => id ?? []);
}

/** Gives hosts up: their tasks end with HostLost. @returns hosts and tasks, or null if `lease` no longer holds. */
export async function markLost(
  db: DataSource,
  lease: Lease,
  hostIds: readonly HostId[],
  silentMs: number,
): Promise<{ hosts: HostId[]; tasks: TaskId[] } | null> {
  const rows: { host_id: HostId | null; task_id: TaskId | null }[] = await db.query(
    `${leaseGuard}, marked AS (
       UPDATE hosts SET state = 'lost' FROM lease
       WHERE id = ANY($3::uuid[]) AND state <> 'lost' AND coalesce(last_seen_at, enrolled_at) <= now() - $4 * interval '1 ms'
       RETURNING id, name
     ), ended AS (
       UPDATE tasks t SET state = 'stopped', stop_code = 'HostLost', stopped_at = now(),
              stop_reason = 'host ' || marked.name || ' was not heard from for ' || round($4::numeric / 1000) || ' s'
       FROM marked WHERE t.host_id = marked.id AND t.state ${holdsCapacity}
       RETURNING t.id, t.tenant_id, t.host_id, t.stop_reason
     ), events AS (
       INSERT INTO task_events (task_id, tenant_id, type, reason) SELECT id, tenant_id, 'stopped', stop_reason FROM ended
     )
     SELECT marked.id AS host_id, ended.id AS task_id
     FROM lease LEFT JOIN marked ON true LEFT JOIN ended ON ended.host_id = marked.id`,
    [lease.holder, lease.epoch, hostIds, Math.floor(silentMs)],
  );
  if (rows.length === 0) return null;
  const hosts = new Set(rows.flatMap(({ host_id }) => host_id ?? []));
  return { hosts: [...hosts], tasks: rows.flatMap(({ task_id }) => task_id ?? []) };
}
