// The rows of machines. What the leader writes is guarded by its epoch, and moves a machine only as the contract's table of
// states allows: whoever comes late with old news changes nothing.
import { type Machine, type MachineState, machineStates, machineTransitions } from '@berth/contract';
import type { DataSource } from 'typeorm';
import { type Lease, leaseGuard } from '../placement/lease.store.js';
import type { MachineRequest } from './types.js';

export interface NewMachine extends MachineRequest {
  readonly id: string;
  readonly poolName: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** SHA-256 of the token that makes it a host. */
  readonly tokenHash: Buffer;
  readonly tokenValidForSeconds: number;
}

export interface MachineChange {
  readonly id: string;
  readonly state: Exclude<MachineState, 'requested'>;
  readonly instanceId?: string;
  readonly hostId?: string;
  /** Why it leaves. */
  readonly reason?: string | null;
  readonly final?: boolean;
}

export interface ChangedMachine {
  readonly id: string;
  readonly state: MachineState;
  readonly instanceId: string | null;
  readonly hostId: string | null;
}

const allowed = machineStates.flatMap((from) => machineTransitions[from].map((to) => `('${from}', '${to}')`));
/** A drain that nobody calls off any more is written over one that could be. */
const transitions = [...allowed, "('draining', 'draining')"].join(', ');

/** Writes machines down, each with the token for its host. @returns whether `lease` held; else nothing was written. */
export async function insertMachines(db: DataSource, lease: Lease, machines: readonly NewMachine[]): Promise<boolean> {
  const rows: unknown[] = await db.query(
    `${leaseGuard}, fresh AS (
       SELECT f.* FROM lease, jsonb_to_recordset($3) AS f(id uuid, "poolId" uuid, "poolName" text, "instanceType" text, zone text,
         market text, reason text, attributes jsonb, "tokenHash" text, "tokenValidForSeconds" int)
     ), tokens AS (
       INSERT INTO host_tokens (secret_hash, expires_at, pool, zone, attributes)
       SELECT decode("tokenHash", 'hex'), now() + "tokenValidForSeconds" * interval '1 second', "poolName", zone, attributes FROM fresh
     ), machines AS (
       INSERT INTO pool_machines (id, pool_id, state, instance_type, zone, market, token_hash, reason)
       SELECT id, "poolId", 'requested', "instanceType", zone, market, decode("tokenHash", 'hex'), reason FROM fresh
     )
     SELECT epoch FROM lease`,
    [lease.holder, lease.epoch, JSON.stringify(machines.map((one) => ({ ...one, tokenHash: one.tokenHash.toString('hex') })))],
  );
  return rows.length > 0;
}

/** @returns those that changed, or null if `lease` no longer holds. */
export async function changeMachines(db: DataSource, lease: Lease, changes: readonly MachineChange[]): Promise<ChangedMachine[] | null> {
  if (changes.length === 0) return [];
  const rows: (ChangedMachine | { id: null })[] = await db.query(
    `${leaseGuard}, changed AS (
       UPDATE pool_machines m SET state = c.state, instance_id = coalesce(c."instanceId", m.instance_id),
              host_id = coalesce(c."hostId", m.host_id), drain_final = coalesce(c.final, m.drain_final), unneeded_since = NULL,
              end_reason = CASE WHEN c.state = 'joined' THEN NULL ELSE coalesce(c.reason, m.end_reason) END,
              launched_at = CASE WHEN c.state = 'launched' THEN now() ELSE m.launched_at END,
              joined_at = CASE WHEN c.state = 'joined' THEN coalesce(m.joined_at, now()) ELSE m.joined_at END,
              draining_since = CASE c.state WHEN 'draining' THEN coalesce(m.draining_since, now()) WHEN 'joined' THEN NULL ELSE m.draining_since END,
              ending_since = CASE WHEN c.state = 'ending' THEN now() ELSE m.ending_since END,
              ended_at = CASE WHEN c.state = 'ended' THEN now() ELSE m.ended_at END
       FROM lease, jsonb_to_recordset($3) AS c(id uuid, state text, "instanceId" text, "hostId" uuid, reason text, final boolean)
       WHERE m.id = c.id AND (m.state, c.state) IN (${transitions})
       RETURNING m.id, m.state, m.instance_id, m.host_id
     )
     SELECT c.id, c.state, c.instance_id AS "instanceId", c.host_id AS "hostId" FROM lease LEFT JOIN changed c ON true`,
    [lease.holder, lease.epoch, JSON.stringify(changes)],
  );
  return rows.length === 0 ? null : rows.filter((row): row is ChangedMachine => row.id !== null);
}

/** @returns whether `lease` held. */
export async function noteUnneeded(
  db: DataSource,
  lease: Lease,
  machines: readonly { readonly machineId: string; readonly unneeded: boolean }[],
): Promise<boolean> {
  const rows: unknown[] = await db.query(
    `${leaseGuard}, changed AS (
       UPDATE pool_machines m SET unneeded_since = CASE WHEN c.unneeded THEN now() END
       FROM lease, jsonb_to_recordset($3) AS c("machineId" uuid, unneeded boolean) WHERE m.id = c."machineId"
     )
     SELECT epoch FROM lease`,
    [lease.holder, lease.epoch, JSON.stringify(machines)],
  );
  return rows.length > 0;
}

/** Notes what EC2 had none of. @returns whether `lease` held. */
export async function noteShortages(
  db: DataSource,
  lease: Lease,
  shortages: readonly { readonly instanceType: string; readonly zone: string; readonly market: string }[],
  seconds: number,
): Promise<boolean> {
  const rows: unknown[] = await db.query(
    `${leaseGuard}, old AS (
       DELETE FROM pool_shortages USING lease WHERE until < now() - interval '1 day'
     ), noted AS (
       INSERT INTO pool_shortages (instance_type, zone, market, until)
       SELECT DISTINCT s."instanceType", s.zone, s.market, now() + $4 * interval '1 second'
       FROM lease, jsonb_to_recordset($3) AS s("instanceType" text, zone text, market text)
       ON CONFLICT (instance_type, zone, market) DO UPDATE SET until = excluded.until
     )
     SELECT epoch FROM lease`,
    [lease.holder, lease.epoch, JSON.stringify(shortages), seconds],
  );
  return rows.length > 0;
}

/** The newest first. */
export async function listMachines(db: DataSource, poolId: string, limit: number, before: MachinePlace | null): Promise<MachineRow[]> {
  return db.query(
    `SELECT id, state, instance_type, zone, market, instance_id, host_id, reason, end_reason, requested_at, requested_at::text AS place,
            launched_at, joined_at, draining_since, ended_at
     FROM pool_machines WHERE pool_id = $1 AND ($3::timestamptz IS NULL OR (requested_at, id) < ($3::timestamptz, $4::uuid))
     ORDER BY requested_at DESC, id DESC LIMIT $2`,
    [poolId, limit, before?.requestedAt ?? null, before?.id ?? null],
  );
}

export interface MachinePlace {
  /** The database's own text of the instant: JavaScript would cut its microseconds. */
  readonly requestedAt: string;
  readonly id: string;
}

export interface MachineRow {
  readonly id: string;
  readonly state: MachineState;
  readonly instance_type: string;
  readonly zone: string;
  readonly market: Machine['market'];
  readonly instance_id: string | null;
  readonly host_id: string | null;
  readonly reason: string;
  readonly end_reason: string | null;
  readonly requested_at: Date;
  readonly place: string;
  readonly launched_at: Date | null;
  readonly joined_at: Date | null;
  readonly draining_since: Date | null;
  readonly ended_at: Date | null;
}
