// What the scheduler writes: plans, evictions and reasons. Each is one statement for a whole batch, guarded by the leader's
// epoch; it answers null when that no longer leads.
import { type HostId, type PendingReason, placementLimits, type TaskId } from '@berth/contract';
import type { DataSource } from 'typeorm';
import { type SpecRow, toSpecSources } from '../agents/desired.store.js';
import type { SpecSource } from '../agents/task-spec.js';
import { holdsCapacity } from '../db/holding.js';
import { takesTasks } from '../db/host-columns.js';
import { queryPrepared } from '../db/prepared.js';
import { disruptionGroupOf } from './disruption.store.js';
import { type Lease, leaseGuard } from './lease.store.js';
import type { Decision, Eviction } from './plan.js';
import { volumesAllow, volumesChoose } from './volume-homes.store.js';

/** A task that was placed, with all that its host has to know. */
export interface Assignment extends SpecSource {
  readonly hostId: HostId;
}

const decisions = 'unnest($3::uuid[], $4::uuid[], $5::text[], $6::int[]) AS p(task_id, host_id, placement, room_version)';

/** The lock is against a resize that is under way on the same host: it waits for us, or we see what it did. */
const lockedHosts = 'SELECT id, state, availability, room_version FROM hosts WHERE id = ANY($4::uuid[]) ORDER BY id FOR KEY SHARE';

/** Of decisions for gangs: all of a gang or none, so the tasks are locked before any is written. */
const wholeGangs = `, wanted AS (
  SELECT t.id, p.host_id, p.placement, p.room_version, p.gang_id FROM tasks t
  JOIN unnest($3::uuid[], $4::uuid[], $5::text[], $6::int[], $7::uuid[]) AS p(task_id, host_id, placement, room_version, gang_id) ON p.task_id = t.id
  JOIN host h ON h.id = p.host_id
  WHERE t.state = 'pending' AND t.desired_state = 'running' AND ${takesTasks} AND h.room_version = coalesce(p.room_version, h.room_version)
    AND ${volumesAllow('t.needs', 'p.host_id')}
  ORDER BY t.id FOR NO KEY UPDATE OF t
), p AS (
  SELECT id AS task_id, host_id, placement, room_version FROM wanted
  WHERE gang_id IS NULL OR (SELECT count(*) FROM wanted w WHERE w.gang_id = wanted.gang_id) = (SELECT count(*) FROM unnest($7::uuid[]) AS g WHERE g = wanted.gang_id)
)`;

const commitStatement = (before: string, from: string) => `${leaseGuard}, host AS (${lockedHosts})${before}, placed AS (
       UPDATE tasks t SET state = 'placed', host_id = p.host_id, placement = p.placement, placement_epoch = lease.epoch,
              placed_at = now(), pending_reason = NULL
       FROM lease, ${from} JOIN host h ON h.id = p.host_id
       WHERE t.id = p.task_id AND t.state = 'pending' AND t.desired_state = 'running' AND ${takesTasks}
         AND h.room_version = coalesce(p.room_version, h.room_version) AND ${volumesAllow('t.needs', 'p.host_id')}
       RETURNING t.*
     ), ${volumesChoose('placed')}, events AS (
       INSERT INTO task_events (task_id, tenant_id, type, reason) SELECT id, tenant_id, 'placed', placement FROM placed
     )
     SELECT lease.epoch, p.id, p.tenant_id, p.name, p.cpu_millis, p.memory_mib, p.overrides, p.security_groups, p.needs->'volumes' AS volumes, p.host_id, p.task_definition_id,
            d.family, d.revision,
            CASE WHEN row_number() OVER (PARTITION BY p.task_definition_id) = 1 THEN d.spec END AS spec
     FROM lease LEFT JOIN placed p ON true LEFT JOIN task_definitions d ON d.id = p.task_definition_id`;

const commitSingles = commitStatement('', decisions);
const commitGangs = commitStatement(wholeGangs, 'p');

/**
 * Commits decisions, and with them where new volumes live. Tasks that are no longer pending or whose volumes live elsewhere, hosts that take no tasks any more and hosts on which a task was given
 * more room since the decision are left out, and with one of a gang all that were decided for it.
 * @returns what was placed, or null if `lease` no longer holds (nothing was written then).
 */
export async function commitPlacements(db: DataSource, lease: Lease, placed: readonly CommitRow[]): Promise<Assignment[] | null> {
  const gangs = placed.some(({ gangId }) => gangId);
  const rows = await queryPrepared<AssignmentRow>(
    db,
    gangs ? 'berth-commit-gangs' : 'berth-commit-placements',
    gangs ? commitGangs : commitSingles,
    [
      lease.holder,
      lease.epoch,
      placed.map(({ taskId }) => taskId),
      placed.map(({ hostId }) => hostId),
      placed.map(({ placement }) => placement),
      placed.map(({ roomVersion }) => roomVersion ?? null),
      ...(gangs ? [placed.map(({ gangId }) => gangId ?? null)] : []),
    ],
  );
  return rows.length === 0 ? null : toAssignments(rows);
}

/** Without `roomVersion` whatever the host's is will do. */
export type CommitRow = Pick<Decision, 'taskId' | 'hostId' | 'placement'> & Partial<Pick<Decision, 'roomVersion' | 'gangId'>>;

/**
 * Tells tasks to leave their hosts for others' sake, with notice. Those that are leaving already or have ended are left out.
 * @returns the hosts that have to know, and the tasks told; null if `lease` no longer holds.
 */
export async function commitEvictions(
  db: DataSource,
  lease: Lease,
  evictions: readonly Eviction[],
): Promise<{ hosts: HostId[]; tasks: TaskId[] } | null> {
  const pairs = evictions.flatMap(({ decisions: [first], victims }) => victims.map((victim) => ({ victim, by: first?.taskId })));
  const rows: { host_id: HostId | null; id: TaskId | null }[] = await db.query(
    `${leaseGuard}, told AS (
       UPDATE tasks t SET desired_state = 'stopped', desired_stop_code = 'SpotInterruption', replaced_by = e.by_id,
              desired_stop_reason = 'task ' || e.by_id || ' needs its place; it has ${placementLimits.noticeSeconds} s to end'
       FROM lease, unnest($3::uuid[], $4::uuid[]) AS e(id, by_id)
       WHERE t.id = e.id AND t.state ${holdsCapacity} AND t.desired_state = 'running'
       RETURNING t.id, t.tenant_id, t.host_id, t.desired_stop_reason, ${disruptionGroupOf('t')} AS group_id
     ), counted AS (
       INSERT INTO evictions (task_id, group_id, ended_at) SELECT id, group_id, now() FROM told
     ), events AS (
       INSERT INTO task_events (task_id, tenant_id, type, reason) SELECT id, tenant_id, 'interruption-notice', desired_stop_reason FROM told
     )
     SELECT told.id, told.host_id FROM lease LEFT JOIN told ON true`,
    [lease.holder, lease.epoch, pairs.map(({ victim }) => victim), pairs.map(({ by }) => by)],
  );
  if (rows.length === 0) return null;
  return { hosts: [...new Set(rows.flatMap(({ host_id }) => host_id ?? []))], tasks: rows.flatMap(({ id }) => id ?? []) };
}

/**
 * Notes why tasks are still pending, where that differs from what is noted.
 * @returns the tasks whose reason changed, or null if `lease` no longer holds.
 */
export async function writePendingReasons(
  db: DataSource,
  lease: Lease,
  reasons: readonly { taskIds: readonly TaskId[]; reason: PendingReason }[],
): Promise<TaskId[] | null> {
  const rows: { epoch: string; id: TaskId | null }[] = await db.query(
    `${leaseGuard}, changed AS (
       UPDATE tasks t SET pending_reason = r.reason
       FROM lease, unnest($3::uuid[], $4::int[]) AS n(id, reason) JOIN unnest($5::jsonb[]) WITH ORDINALITY AS r(reason, place) ON r.place = n.reason
       WHERE t.id = n.id AND t.state = 'pending' AND t.pending_reason IS DISTINCT FROM r.reason
       RETURNING t.id
     )
     SELECT lease.epoch, changed.id FROM lease LEFT JOIN changed ON true`,
    [
      lease.holder,
      lease.epoch,
      reasons.flatMap(({ taskIds }) => taskIds),
      reasons.flatMap(({ taskIds }, index) => taskIds.map(() => index + 1)),
      reasons.map(({ reason }) => JSON.stringify(reason)),
    ],
  );
  return rows.length === 0 ? null : rows.flatMap(({ id }) => id ?? []);
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
