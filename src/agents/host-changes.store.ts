// What operators change about hosts, each change with its event. Drains are drain/'s.
import type { HostId, TaskId } from '@berth/contract';
import type { DataSource } from 'typeorm';
import { holdsCapacity } from '../db/holding.js';

export interface HostChange {
  readonly pool: string | null;
  /** Undefined: leave it. Null: what the agent says. */
  readonly zone: string | null | undefined;
  readonly set: Readonly<Record<string, string>>;
  readonly unset: readonly string[];
}

/** Changes what placement goes by. @returns false if there is no such host. */
export async function changeHost(db: DataSource, hostId: HostId, change: HostChange, reason: string): Promise<boolean> {
  const rows: unknown[] = await db.query(
    `WITH changed AS (
       UPDATE hosts SET pool = coalesce($2, pool), zone = CASE WHEN $3 THEN $4 ELSE zone END,
              operator_attributes = (operator_attributes - $5::text[]) || $6::jsonb
       WHERE id = $1 AND removed_at IS NULL RETURNING id
     ), told AS (
       INSERT INTO host_events (host_id, type, reason) SELECT id, 'labelled', $7 FROM changed
     )
     SELECT id FROM changed`,
    [hostId, change.pool, change.zone !== undefined, change.zone ?? null, change.unset, JSON.stringify(change.set), reason],
  );
  return rows.length > 0;
}

/**
 * Removes a host for good: its certificate is refused from now on. @param force also with tasks, which end then. @param why in words, for them and for the host’s events
 * @returns the tasks that ended, or how many there are that forbid it; null if there is no such host.
 */
export async function removeHost(
  db: DataSource,
  hostId: HostId,
  force: boolean,
  why = 'was removed by the operator',
): Promise<{ removed: true; tasks: TaskId[] } | { removed: false; count: number } | null> {
  return db.transaction(async (manager) => {
    // Waits for placements that are being committed, and lets no other begin.
    const [host] = await manager.query('SELECT name FROM hosts WHERE id = $1 AND removed_at IS NULL FOR UPDATE', [hostId]);
    if (!host) return null;
    const [{ count }] = await manager.query(`SELECT count(*)::int AS count FROM tasks WHERE host_id = $1 AND state ${holdsCapacity}`, [
      hostId,
    ]);
    if (count > 0 && !force) return { removed: false, count };
    const rows: { id: TaskId }[] = await manager.query(
      `WITH ended AS (
         UPDATE tasks SET state = 'stopped', stop_code = 'HostRemoved', stop_reason = 'host ' || $2 || ' ' || $3,
                stopped_at = now()
         WHERE host_id = $1 AND state ${holdsCapacity} RETURNING id, tenant_id, stop_reason
       ), events AS (
         INSERT INTO task_events (task_id, tenant_id, type, reason) SELECT id, tenant_id, 'stopped', stop_reason FROM ended
       ), removed AS (
         UPDATE hosts SET removed_at = now(), state = 'lost', availability = 'cordoned', subnet = NULL, network = NULL WHERE id = $1
       ), drains AS (
         UPDATE host_drains SET ended_at = now(), outcome = 'lost' WHERE host_id = $1 AND ended_at IS NULL
       ), told AS (
         INSERT INTO host_events (host_id, type, reason) VALUES ($1, 'removed', 'The host ' || $3 || '.')
       )
       SELECT id FROM ended`,
      [hostId, host.name, why],
    );
    return { removed: true, tasks: rows.map(({ id }) => id) };
  });
}

/** Hosts whose certificates may still be good by their dates, and are to be refused. */
export async function readRemovedHosts(db: DataSource, withinDays: number): Promise<HostId[]> {
  const rows: { id: HostId }[] = await db.query(`SELECT id FROM hosts WHERE removed_at > now() - $1 * interval '1 day'`, [withinDays]);
  return rows.map(({ id }) => id);
}

export interface HostEventRow {
  readonly id: string;
  readonly host_id: HostId;
  readonly at: Date;
  readonly type: string;
  readonly reason: string;
}

/** Oldest first, after the event `afterId`. Also of a host that was removed. */
export async function listHostEvents(db: DataSource, hostId: HostId, afterId: string | null, limit: number): Promise<HostEventRow[]> {
  return db.query(
    `SELECT id, host_id, at, type, reason FROM host_events WHERE host_id = $1 AND id > coalesce($2::bigint, 0) ORDER BY id LIMIT $3`,
    [hostId, afterId, limit],
  );
}
