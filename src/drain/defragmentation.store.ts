// The one row of defragmentation's settings and findings, and what it has done within the hour.
import type { DefragmentationStep, HostId, TaskId } from '@berth/contract';
import type { DataSource } from 'typeorm';
import { type Lease, leaseGuard } from '../placement/lease.store.js';

export interface DefragmentationRow {
  /** As stored: to be completed with defaults. */
  readonly settings: unknown;
  readonly looked_at: Date | null;
  readonly steps: DefragmentationStep[];
}

export async function readDefragmentation(db: DataSource): Promise<DefragmentationRow> {
  const [row]: DefragmentationRow[] = await db.query('SELECT settings, looked_at, steps FROM defragmentation');
  return row ?? { settings: {}, looked_at: null, steps: [] };
}

export async function writeSettings(db: DataSource, settings: object): Promise<void> {
  await db.query('UPDATE defragmentation SET settings = $1', [JSON.stringify(settings)]);
}

/** @returns false if `lease` no longer holds. */
export async function writeFindings(db: DataSource, lease: Lease, steps: readonly DefragmentationStep[]): Promise<boolean> {
  const rows: unknown[] = await db.query(
    `${leaseGuard}, written AS (UPDATE defragmentation SET looked_at = now(), steps = $3 FROM lease) SELECT epoch FROM lease`,
    [lease.holder, lease.epoch, JSON.stringify(steps)],
  );
  return rows.length > 0;
}

export interface HourSoFar {
  readonly hosts: number;
  readonly moves: number;
}

export async function readHourSoFar(db: DataSource): Promise<HourSoFar> {
  const [row]: HourSoFar[] = await db.query(
    `SELECT count(*)::int AS hosts, coalesce(sum(tasks_at_start), 0)::int AS moves FROM host_drains
     WHERE cause = 'defragmentation' AND started_at > now() - interval '1 hour'`,
  );
  return row ?? { hosts: 0, moves: 0 };
}

/** Of tasks on hosts: those that a drain replaces at once, because they asked for it and nothing protects them. */
export async function readMovable(db: DataSource): Promise<Set<TaskId>> {
  const rows: { id: TaskId }[] = await db.query(
    `SELECT id FROM tasks WHERE state = 'running' AND desired_state = 'running' AND on_host_drain <> 'wait'
       AND (protected_until IS NULL OR protected_until <= now())`,
  );
  return new Set(rows.map(({ id }) => id));
}

/**
 * Calls off drains of defragmentation that are not over in time: nobody is forced to leave for it.
 * @returns the hosts, or null if `lease` no longer holds.
 */
export async function callOffLateDrains(db: DataSource, lease: Lease): Promise<HostId[] | null> {
  const rows: { host_id: HostId | null }[] = await db.query(
    `${leaseGuard}, late AS (
       UPDATE host_drains d SET ended_at = now(), outcome = 'cancelled' FROM lease
       WHERE d.cause = 'defragmentation' AND d.ended_at IS NULL AND d.deadline_at <= now() RETURNING d.host_id
     ), opened AS (
       UPDATE hosts h SET availability = 'open' FROM late WHERE h.id = late.host_id AND h.availability = 'draining'
     ), told AS (
       INSERT INTO host_events (host_id, type, reason) SELECT host_id, 'drain-cancelled', 'It could not be emptied in time without force.' FROM late
     )
     SELECT late.host_id FROM lease LEFT JOIN late ON true`,
    [lease.holder, lease.epoch],
  );
  return rows.length === 0 ? null : rows.flatMap(({ host_id }) => host_id ?? []);
}
