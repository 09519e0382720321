// The rows of pools, and what operators see of them.
import type { MachineState, Market, PoolSettings } from '@berth/contract';
import type { DataSource, EntityManager } from 'typeorm';
import type { PoolView } from './types.js';

export interface PoolRow extends PoolView {
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly machines: readonly {
    readonly state: MachineState;
    readonly instanceType: string;
    readonly market: Market;
    readonly count: number;
  }[];
}

export interface ShortageRow {
  readonly instanceType: string;
  readonly zone: string;
  readonly market: Market;
  readonly until: Date;
}

export async function readPoolViews(manager: EntityManager): Promise<PoolView[]> {
  return manager.query('SELECT id, name, settings FROM pools ORDER BY name');
}

export async function hasPools(db: DataSource): Promise<boolean> {
  const [{ some }] = await db.query('SELECT EXISTS (SELECT FROM pools) AS some');
  return some;
}

/** @returns false if the name is taken. */
export async function insertPool(db: DataSource, id: string, name: string, settings: PoolSettings): Promise<boolean> {
  const rows: unknown[] = await db.query(
    'INSERT INTO pools (id, name, settings) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING RETURNING id',
    [id, name, JSON.stringify(settings)],
  );
  return rows.length > 0;
}

/** By name. @param name only this one */
export async function readPools(db: DataSource | EntityManager, name: string | null): Promise<PoolRow[]> {
  return db.query(
    `SELECT p.id, p.name, p.settings, p.created_at AS "createdAt", p.updated_at AS "updatedAt", coalesce(m.machines, '[]') AS machines
     FROM pools p LEFT JOIN (
       SELECT pool_id, jsonb_agg(jsonb_build_object('state', state, 'instanceType', instance_type, 'market', market, 'count', n)) AS machines
       FROM (SELECT pool_id, state, instance_type, market, count(*)::int AS n FROM pool_machines WHERE state <> 'ended'
             GROUP BY pool_id, state, instance_type, market) AS counted
       GROUP BY pool_id
     ) m ON m.pool_id = p.id
     WHERE $1::text IS NULL OR p.name = $1 ORDER BY p.name`,
    [name],
  );
}

export async function readCurrentShortages(db: DataSource): Promise<ShortageRow[]> {
  return db.query('SELECT instance_type AS "instanceType", zone, market, until FROM pool_shortages WHERE until > now() ORDER BY 1, 2, 3');
}

/** @param change of the settings as they are now. @returns false if there is no such pool. */
export async function changePool(db: DataSource, name: string, change: (settings: PoolSettings) => PoolSettings): Promise<boolean> {
  return db.transaction(async (manager) => {
    const [pool]: { id: string; settings: PoolSettings }[] = await manager.query(
      'SELECT id, settings FROM pools WHERE name = $1 FOR UPDATE',
      [name],
    );
    if (!pool) return false;
    await manager.query('UPDATE pools SET settings = $2, updated_at = now() WHERE id = $1', [
      pool.id,
      JSON.stringify(change(pool.settings)),
    ]);
    return true;
  });
}

/** Forgets the pool and the machines that it had. @returns how many it still has, which forbids it; null if there is no such pool. */
export async function deletePool(db: DataSource, name: string): Promise<number | null> {
  return db.transaction(async (manager) => {
    // The leader's new machines reference the row: they wait for us, or we see them.
    const [pool]: { id: string }[] = await manager.query('SELECT id FROM pools WHERE name = $1 FOR UPDATE', [name]);
    if (!pool) return null;
    const [{ count }] = await manager.query("SELECT count(*)::int AS count FROM pool_machines WHERE pool_id = $1 AND state <> 'ended'", [
      pool.id,
    ]);
    if (count > 0) return count;
    await manager.query('DELETE FROM pool_machines WHERE pool_id = $1', [pool.id]);
    await manager.query('DELETE FROM pools WHERE id = $1', [pool.id]);
    return 0;
  });
}
