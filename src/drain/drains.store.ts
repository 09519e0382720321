// Drains of hosts: begun and called off by operators, ended by the leader when the host is empty.
import type { Drain, HostId, TaskId } from '@berth/contract';
import type { DataSource, EntityManager } from 'typeorm';
import { holdsCapacity } from '../db/holding.js';
import { type Lease, leaseGuard } from '../placement/lease.store.js';

export interface NewDrain {
  readonly cause: Drain['cause'];
  readonly reason: string;
  readonly deadlineSeconds: number;
}

export type Changed = { readonly found: false } | { readonly found: true; readonly name: string; readonly lost: boolean };

/**
 * The host gets no more tasks, and those it has leave until the deadline. Repeated, it sets the deadline anew.
 * Nothing changes for a host that is lost.
 */
export async function startDrain(db: DataSource, hostId: HostId, { cause, reason, deadlineSeconds }: NewDrain): Promise<Changed> {
  return db.transaction(async (manager) => {
    const host = await lockHost(manager, hostId);
    if (!host.found || host.lost) return host;
    await manager.query(
      `WITH changed AS (
         UPDATE hosts SET availability = 'draining' WHERE id = $1
       ), held AS (
         SELECT id, tenant_id FROM tasks WHERE host_id = $1 AND state ${holdsCapacity}
       ), begun AS (
         INSERT INTO host_drains AS d (host_id, cause, reason, tasks_at_start, deadline_at)
         VALUES ($1, $2, $3, (SELECT count(*) FROM held), now() + $4 * interval '1 second')
         ON CONFLICT (host_id) WHERE ended_at IS NULL DO UPDATE SET deadline_at = excluded.deadline_at, reason = excluded.reason
         RETURNING deadline_at, (xmax = 0) AS is_new
       ), host_told AS (
         INSERT INTO host_events (host_id, type, reason)
         SELECT $1, CASE WHEN is_new THEN 'drain-started' ELSE 'drain-changed' END, rtrim($3, '. ') || '. To be empty by ' || ${instant('deadline_at')} || '.'
         FROM begun
       )
       INSERT INTO task_events (task_id, tenant_id, type, reason)
       SELECT held.id, held.tenant_id, 'host-draining', 'Its host is to be empty by ' || ${instant('begun.deadline_at')} || ': ' || $3 FROM held, begun`,
      [hostId, cause, reason, deadlineSeconds],
    );
    return host;
  });
}

/** Hosts whose machines are taken back soon, and that are not to be empty before that. */
export async function readInterrupted(db: DataSource): Promise<{ hostId: HostId; at: Date; secondsLeft: number }[]> {
  return db.query(
    `SELECT h.id AS "hostId", h.interruption_at AS at, floor(extract(epoch FROM h.interruption_at - now()))::int AS "secondsLeft"
     FROM hosts h
     WHERE h.interruption_at > now() AND h.removed_at IS NULL AND h.state <> 'lost'
       AND NOT EXISTS (SELECT FROM host_drains d WHERE d.host_id = h.id
         AND d.deadline_at BETWEEN h.interruption_at - interval '10 minutes' AND h.interruption_at)`,
  );
}

/** Opens a host for tasks, or closes it without touching those it has. A drain that is under way is called off. */
export async function setAvailability(db: DataSource, hostId: HostId, availability: 'open' | 'cordoned', reason: string): Promise<Changed> {
  return db.transaction(async (manager) => {
    const host = await lockHost(manager, hostId);
    if (!host.found) return host;
    await manager.query(
      `WITH changed AS (
         UPDATE hosts SET availability = $2 WHERE id = $1 AND availability <> $2 RETURNING id
       ), cancelled AS (
         UPDATE host_drains SET ended_at = now(), outcome = 'cancelled' WHERE host_id = $1 AND ended_at IS NULL RETURNING id
       )
       INSERT INTO host_events (host_id, type, reason)
       SELECT $1, 'drain-cancelled', $3 FROM cancelled
       UNION ALL SELECT id, CASE $2 WHEN 'open' THEN 'uncordoned' ELSE 'cordoned' END, $3 FROM changed`,
      [hostId, availability, reason],
    );
    return host;
  });
}

/** Waits for placements that are being committed, and lets no other begin. */
async function lockHost(manager: EntityManager, hostId: HostId): Promise<Changed> {
  const [host] = await manager.query('SELECT name, state FROM hosts WHERE id = $1 AND removed_at IS NULL FOR UPDATE', [hostId]);
  return host ? { found: true, name: host.name, lost: host.state === 'lost' } : { found: false };
}

function instant(column: string): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`;
}

/**
 * Ends drains whose hosts hold no task any more and owe no replacement. The hosts stay cordoned.
 * @returns the hosts, or null if `lease` no longer holds.
 */
export async function endDrains(db: DataSource, lease: Lease): Promise<HostId[] | null> {
  const rows: { host_id: HostId | null }[] = await db.query(
    `${leaseGuard}, ended AS (
       UPDATE host_drains d SET ended_at = now(), outcome = CASE h.state WHEN 'lost' THEN 'lost' ELSE 'drained' END
       FROM lease, hosts h
       WHERE d.ended_at IS NULL AND h.id = d.host_id
         AND NOT EXISTS (SELECT FROM tasks t WHERE t.host_id = d.host_id AND t.state ${holdsCapacity})
         AND NOT EXISTS (SELECT FROM evictions e WHERE e.drain_id = d.id AND e.ended_at IS NULL)
       RETURNING d.id, d.host_id, d.outcome, d.tasks_at_start, d.started_at
     ), closed AS (
       UPDATE hosts h SET availability = 'cordoned' FROM ended WHERE h.id = ended.host_id AND h.availability = 'draining'
     ), told AS (
       INSERT INTO host_events (host_id, type, reason)
       SELECT host_id, outcome, CASE outcome WHEN 'lost' THEN 'The host was lost while it was being drained.'
              ELSE 'It is empty: ' || tasks_at_start || ' tasks have left in ' || ceil(extract(epoch FROM now() - started_at)) || ' s.' END
       FROM ended
     )
     SELECT ended.host_id FROM lease LEFT JOIN ended ON true`,
    [lease.holder, lease.epoch],
  );
  return rows.length === 0 ? null : rows.flatMap(({ host_id }) => host_id ?? []);
}

export interface DrainRow {
  readonly host_id: HostId;
  readonly cause: Drain['cause'];
  readonly reason: string;
  readonly started_at: Date;
  readonly deadline_at: Date;
  readonly forced_at: Date | null;
  readonly ended_at: Date | null;
  readonly outcome: Drain['outcome'];
  readonly tasks_at_start: number;
  readonly tasks_left: number;
  readonly replaced: number;
  readonly forced: number;
}

/** The host's newest drain. */
export async function readDrain(db: DataSource, hostId: HostId): Promise<DrainRow | null> {
  const rows: DrainRow[] = await db.query(
    `SELECT d.host_id, d.cause, d.reason, d.started_at, d.deadline_at, d.forced_at, d.ended_at, d.outcome, d.tasks_at_start,
            CASE WHEN d.ended_at IS NULL THEN (SELECT count(*)::int FROM tasks t WHERE t.host_id = d.host_id AND t.state ${holdsCapacity}) ELSE 0 END AS tasks_left,
            count(e.id) FILTER (WHERE e.ended_at IS NOT NULL AND e.replacement_id IS NOT NULL AND old.successor_id IS NOT NULL)::int AS replaced,
            count(e.id) FILTER (WHERE e.forced)::int AS forced
     FROM host_drains d LEFT JOIN evictions e ON e.drain_id = d.id LEFT JOIN tasks old ON old.id = e.task_id
     WHERE d.host_id = $1 GROUP BY d.id ORDER BY d.started_at DESC LIMIT 1`,
    [hostId],
  );
  return rows[0] ?? null;
}

/** Which tasks of a host name a replacement. */
export async function readReplacements(db: DataSource, taskIds: readonly TaskId[]): Promise<Map<TaskId, TaskId>> {
  const rows: { id: TaskId; successor_id: TaskId }[] = await db.query(
    'SELECT id, successor_id FROM tasks WHERE id = ANY($1::uuid[]) AND successor_id IS NOT NULL',
    [taskIds],
  );
  return new Map(rows.map(({ id, successor_id }) => [id, successor_id]));
}
