// What is read to decide who leaves next, and how that is carried out: each kind of step is one statement for all of
// them, guarded by the leader's epoch, and repeats the condition that it was decided on. Writes answer null when the
// lease no longer holds.
import type { DesiredState, HostId, OnHostDrain, StopCode, TaskId, TaskState } from '@berth/contract';
import type { DataSource } from 'typeorm';
import { holdsCapacity } from '../db/holding.js';
import type { DisruptionGroup } from '../placement/budget.js';
import { available, disruptionGroupOf, millis, readDisruptionGroups } from '../placement/disruption.store.js';
import { type Lease, leaseGuard } from '../placement/lease.store.js';
import type { LeavingTask } from './next-evictions.js';
import { carriedOver } from './replacement-columns.js';

export interface Leaving {
  readonly nowMs: number;
  readonly tasks: readonly (LeavingTask & { readonly hostId: HostId; readonly hostName: string; readonly drainId: string | null })[];
  readonly groups: ReadonlyMap<string, DisruptionGroup>;
}

/** @param hostId only tasks of this host. */
export async function readLeaving(db: DataSource, hostId: HostId | null): Promise<Leaving> {
  const rows: LeavingRow[] = await db.query(
    `WITH leaving AS (
       SELECT t.id FROM host_drains d JOIN tasks t ON t.host_id = d.host_id AND t.state ${holdsCapacity} WHERE d.ended_at IS NULL
       UNION SELECT task_id FROM evictions WHERE ended_at IS NULL
     )
     SELECT ${millis('now()')} AS now_ms, t.id, ${disruptionGroupOf('t')} AS group_id, t.on_host_drain, t.state, t.desired_state,
            coalesce(t.stop_code, t.desired_stop_code) AS stop_code, ${available('t', 'h')} AS available,
            ${millis('t.protected_until')} AS protected_until_ms, t.host_id, h.name AS host_name,
            d.id AS drain_id,
            -- Nobody is forced for defragmentation's sake: it is called off in the end.
            CASE d.cause WHEN 'defragmentation' THEN 'Infinity' ELSE ${millis('d.deadline_at')} END AS deadline_ms,
            e.id AS eviction_id, e.attempts, ${millis('e.attempted_at')} AS attempted_at_ms,
            r.id AS replacement_id, r.state AS replacement_state, ${available('r', 'rh')} AS replacement_available,
            coalesce(r.stop_code, r.desired_stop_code) AS replacement_stop_code
     FROM (SELECT) AS one
     LEFT JOIN (leaving JOIN tasks t USING (id) JOIN hosts h ON h.id = t.host_id) ON $1::uuid IS NULL OR t.host_id = $1
     LEFT JOIN host_drains d ON d.host_id = t.host_id AND d.ended_at IS NULL
     LEFT JOIN evictions e ON e.task_id = t.id AND e.ended_at IS NULL
     LEFT JOIN tasks r ON r.id = e.replacement_id
     LEFT JOIN hosts rh ON rh.id = r.host_id
     ORDER BY t.created_at, t.id`,
    [hostId],
  );
  const tasks = rows.flatMap((row) => (row.id === null ? [] : [toLeaving(row, row.id)]));
  return { nowMs: rows[0]?.now_ms ?? 0, tasks, groups: await readDisruptionGroups(db, [...new Set(tasks.map(({ groupId }) => groupId))]) };
}

const carried = carriedOver.join(', ');
/** From `pair` (old task's id, replacement's id, host's name): the replacements, with the events of both tasks. */
const makeReplacements = `
  made AS (
    INSERT INTO tasks (id, ${carried}, cpu_millis, memory_mib, replaces)
    SELECT pair.replacement_id, ${carriedOver.map((column) => `t.${column}`).join(', ')},
           coalesce((t.adjusted->>'cpuMillis')::int, t.cpu_millis), coalesce((t.adjusted->>'memoryMiB')::int, t.memory_mib), t.id
    FROM pair JOIN tasks t ON t.id = pair.task_id WHERE pair.replacement_id IS NOT NULL
    RETURNING id, tenant_id, replaces
  ), linked AS (
    UPDATE tasks t SET successor_id = made.id FROM made WHERE t.id = made.replaces
  ), told AS (
    INSERT INTO task_events (task_id, tenant_id, type, reason)
    SELECT made.id, made.tenant_id, 'pending', 'Takes the place of task ' || made.replaces || ', whose host ' || pair.host_name || ' is being drained.'
    FROM made JOIN pair ON pair.replacement_id = made.id
    UNION ALL
    SELECT made.replaces, made.tenant_id, 'replaced', 'Its host ' || pair.host_name || ' is being drained: task ' || made.id || ' takes its place.'
    FROM made JOIN pair ON pair.replacement_id = made.id
  )`;

export interface Beginning {
  readonly taskId: TaskId;
  readonly drainId: string;
  readonly forced: boolean;
  /** Null: it comes after the task's end. */
  readonly replacementId: TaskId | null;
}

/** @returns the tasks whose eviction has begun. */
export async function beginEvictions(db: DataSource, lease: Lease, all: readonly Beginning[]): Promise<TaskId[] | null> {
  const rows: { task_id: TaskId | null }[] = await db.query(
    `${leaseGuard}, chosen AS (
       SELECT t.id AS task_id, ${disruptionGroupOf('t')} AS group_id, x.drain_id, x.forced, x.replacement_id, h.name AS host_name
       FROM lease, unnest($3::uuid[], $4::uuid[], $5::boolean[], $6::uuid[]) AS x(task_id, drain_id, forced, replacement_id)
            JOIN host_drains d ON d.id = x.drain_id AND d.ended_at IS NULL
            JOIN hosts h ON h.id = d.host_id
            JOIN tasks t ON t.id = x.task_id AND t.host_id = d.host_id
       WHERE t.state ${holdsCapacity} AND t.desired_state = 'running'
       FOR NO KEY UPDATE OF t
     ), begun AS (
       INSERT INTO evictions (task_id, drain_id, group_id, replacement_id, forced)
       SELECT task_id, drain_id, group_id, replacement_id, forced FROM chosen
       ON CONFLICT (task_id) WHERE ended_at IS NULL DO NOTHING
       RETURNING task_id, replacement_id
     ), pair AS (
       SELECT begun.task_id, begun.replacement_id, chosen.host_name FROM begun JOIN chosen USING (task_id)
     ), ${makeReplacements}
     SELECT begun.task_id FROM lease LEFT JOIN begun ON true`,
    [
      lease.holder,
      lease.epoch,
      all.map(({ taskId }) => taskId),
      all.map(({ drainId }) => drainId),
      all.map(({ forced }) => forced),
      all.map(({ replacementId }) => replacementId),
    ],
  );
  return rows.length === 0 ? null : rows.flatMap(({ task_id }) => task_id ?? []);
}

/** Makes a replacement for evictions that have none that lives. @returns the replacements. */
export async function replaceEvicted(
  db: DataSource,
  lease: Lease,
  all: readonly { readonly evictionId: string; readonly replacementId: TaskId }[],
): Promise<TaskId[] | null> {
  const rows: { id: TaskId | null }[] = await db.query(
    `${leaseGuard}, pair AS (
       UPDATE evictions e SET replacement_id = x.replacement_id, attempted_at = now(),
              attempts = attempts + CASE WHEN e.replacement_id IS NULL THEN 0 ELSE 1 END
       FROM lease, unnest($3::bigint[], $4::uuid[]) AS x(eviction_id, replacement_id), host_drains d, hosts h
       WHERE e.id = x.eviction_id AND e.ended_at IS NULL AND d.id = e.drain_id AND h.id = d.host_id
         AND NOT EXISTS (SELECT FROM tasks r WHERE r.id = e.replacement_id AND r.state <> 'stopped')
       RETURNING e.task_id, x.replacement_id, h.name AS host_name
     ), ${makeReplacements}
     SELECT pair.replacement_id AS id FROM lease LEFT JOIN pair ON true`,
    [lease.holder, lease.epoch, all.map(({ evictionId }) => evictionId), all.map(({ replacementId }) => replacementId)],
  );
  return rows.length === 0 ? null : rows.flatMap(({ id }) => id ?? []);
}

export interface Stop {
  readonly taskId: TaskId;
  readonly drainId: string | null;
  readonly stopCode: StopCode;
  readonly reason: string;
  readonly forced: boolean;
}

/** Asks tasks to stop; what is forced is noted with task, drain and host. @returns the tasks and their hosts. */
export async function stopEvicted(
  db: DataSource,
  lease: Lease,
  all: readonly Stop[],
): Promise<{ taskId: TaskId; hostId: HostId }[] | null> {
  const rows: { id: TaskId | null; host_id: HostId }[] = await db.query(
    `${leaseGuard}, stopped AS (
       UPDATE tasks t SET desired_state = 'stopped', desired_stop_code = x.stop_code, desired_stop_reason = x.reason
       FROM lease, unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::boolean[]) AS x(task_id, drain_id, stop_code, reason, forced)
       WHERE t.id = x.task_id AND t.state ${holdsCapacity} AND t.desired_state = 'running'
       RETURNING t.id, t.tenant_id, t.host_id, ${disruptionGroupOf('t')} AS group_id, x.drain_id, x.reason, x.forced
     ), told AS (
       INSERT INTO task_events (task_id, tenant_id, type, reason) SELECT id, tenant_id, 'desired-stopped', reason FROM stopped
     ), noted AS (
       INSERT INTO evictions AS e (task_id, drain_id, group_id, forced, ended_at)
       SELECT id, drain_id, group_id, true, now() FROM stopped
       WHERE forced AND drain_id IS NOT NULL AND NOT EXISTS (SELECT FROM evictions o WHERE o.task_id = stopped.id AND o.ended_at IS NULL)
     ), marked AS (
       UPDATE evictions e SET forced = true FROM stopped WHERE stopped.forced AND e.task_id = stopped.id AND e.ended_at IS NULL
     ), late AS (
       UPDATE host_drains d SET forced_at = now()
       WHERE d.forced_at IS NULL AND d.id IN (SELECT drain_id FROM stopped WHERE forced) RETURNING d.id, d.host_id
     ), host_told AS (
       INSERT INTO host_events (host_id, type, reason)
       SELECT late.host_id, 'drain-forced', 'The deadline has come: ' || count(*) || ' tasks that were left are stopped.'
       FROM late JOIN stopped ON stopped.drain_id = late.id AND stopped.forced GROUP BY late.host_id
     )
     SELECT stopped.id, stopped.host_id FROM lease LEFT JOIN stopped ON true`,
    [
      lease.holder,
      lease.epoch,
      all.map(({ taskId }) => taskId),
      all.map(({ drainId }) => drainId),
      all.map(({ stopCode }) => stopCode),
      all.map(({ reason }) => reason),
      all.map(({ forced }) => forced),
    ],
  );
  return rows.length === 0 ? null : rows.flatMap(({ id, host_id }) => (id ? [{ taskId: id, hostId: host_id }] : []));
}

/** Ends evictions whose replacement is not needed, and the replacement with them. @returns the replacements and their hosts. */
export async function withdrawEvictions(
  db: DataSource,
  lease: Lease,
  evictionIds: readonly string[],
): Promise<{ taskId: TaskId; hostId: HostId | null }[] | null> {
  const rows: { id: TaskId | null; host_id: HostId | null }[] = await db.query(
    `${leaseGuard}, ended AS (
       UPDATE evictions e SET ended_at = now() FROM lease WHERE e.id = ANY($3::bigint[]) AND e.ended_at IS NULL
       RETURNING e.task_id, e.replacement_id
     ), alone AS (
       UPDATE tasks t SET successor_id = NULL FROM ended WHERE t.id = ended.task_id
     ), stopped AS (
       UPDATE tasks t SET desired_state = 'stopped', desired_stop_code = 'Withdrawn', desired_stop_reason = r.reason,
              state = CASE t.state WHEN 'pending' THEN 'stopped' ELSE t.state END,
              stop_code = CASE t.state WHEN 'pending' THEN 'Withdrawn' END,
              stop_reason = CASE t.state WHEN 'pending' THEN r.reason END,
              stopped_at = CASE t.state WHEN 'pending' THEN now() END
       FROM ended, LATERAL (SELECT 'Task ' || ended.task_id || ' needs no replacement any more.' AS reason) r
       WHERE t.id = ended.replacement_id AND t.state <> 'stopped' AND t.desired_state = 'running'
       RETURNING t.id, t.tenant_id, t.host_id, t.state, r.reason
     ), told AS (
       INSERT INTO task_events (task_id, tenant_id, type, reason)
       SELECT id, tenant_id, CASE state WHEN 'stopped' THEN 'stopped' ELSE 'desired-stopped' END, reason FROM stopped
     )
     SELECT stopped.id, stopped.host_id FROM lease LEFT JOIN stopped ON true`,
    [lease.holder, lease.epoch, evictionIds],
  );
  return rows.length === 0 ? null : rows.flatMap(({ id, host_id }) => (id ? [{ taskId: id, hostId: host_id }] : []));
}

/** @returns false if the lease no longer holds. */
export async function endEvictions(db: DataSource, lease: Lease, evictionIds: readonly string[]): Promise<boolean> {
  const rows: unknown[] = await db.query(
    `${leaseGuard}, ended AS (
       UPDATE evictions e SET ended_at = now() FROM lease WHERE e.id = ANY($3::bigint[]) AND e.ended_at IS NULL
     )
     SELECT epoch FROM lease`,
    [lease.holder, lease.epoch, evictionIds],
  );
  return rows.length > 0;
}

interface LeavingRow {
  now_ms: number;
  id: TaskId | null;
  group_id: string;
  on_host_drain: OnHostDrain;
  state: TaskState;
  desired_state: DesiredState;
  stop_code: StopCode | null;
  available: boolean;
  protected_until_ms: number | null;
  host_id: HostId;
  host_name: string;
  drain_id: string | null;
  deadline_ms: number | null;
  eviction_id: string | null;
  attempts: number;
  attempted_at_ms: number;
  replacement_id: TaskId | null;
  replacement_state: TaskState;
  replacement_available: boolean | null;
  replacement_stop_code: StopCode | null;
}

function toLeaving(row: LeavingRow, id: TaskId): Leaving['tasks'][number] {
  const replacement = row.replacement_id && {
    id: row.replacement_id,
    state: row.replacement_state,
    stopCode: row.replacement_stop_code,
    available: row.replacement_available ?? false,
  };
  return {
    id,
    groupId: row.group_id,
    onHostDrain: row.on_host_drain,
    state: row.state,
    desiredState: row.desired_state,
    stopCode: row.stop_code,
    available: row.available,
    protectedUntilMs: row.protected_until_ms,
    deadlineMs: row.deadline_ms,
    eviction:
      row.eviction_id === null
        ? null
        : { id: row.eviction_id, attempts: row.attempts, attemptedAtMs: row.attempted_at_ms, replacement: replacement || null },
    hostId: row.host_id,
    hostName: row.host_name,
    drainId: row.drain_id,
  };
}
