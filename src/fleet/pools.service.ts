// Pools as operators make and change them. What is changed holds at once for what the leader decides next.
import { randomUUID } from 'node:crypto';
import {
  type CreatePool,
  isId,
  type Machine,
  type PageQuery,
  type Pool,
  type PoolSettings,
  poolFaults,
  type UpdatePool,
} from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Config } from '../config.js';
import { CONFIG } from '../db/db.module.js';
import { SignalBus } from '../db/signals.js';
import { ApiError, notFound } from '../errors.js';
import { badCursor, decodeCursor, type Page, pageOf } from '../http/cursor.js';
import { listMachines, type MachinePlace } from './machines.store.js';
import { toMachine, toPool } from './pool-answer.js';
import { changePool, deletePool, insertPool, readCurrentShortages, readPools } from './pools.store.js';

@Injectable()
export class PoolsService {
  constructor(
    @Inject(CONFIG) private readonly config: Pick<Config, 'ec2'>,
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(SignalBus) private readonly signals: SignalBus,
  ) {}

  /** @throws ApiError ec2_not_configured, name_taken */
  async create({ name, ...settings }: CreatePool): Promise<Pool> {
    if (!this.config.ec2) throw new ApiError('ec2_not_configured');
    if (!(await insertPool(this.db, randomUUID(), name, settings)))
      throw new ApiError('name_taken', { what: 'pool', name }, { field: 'name' });
    return this.changed(name);
  }

  /** All of them, by name. */
  async list(): Promise<Pool[]> {
    const [pools, shortages] = await Promise.all([readPools(this.db, null), readCurrentShortages(this.db)]);
    return pools.map((pool) => toPool(pool, shortages));
  }

  /** @throws ApiError not_found */
  async get(name: string): Promise<Pool> {
    const [[pool], shortages] = await Promise.all([readPools(this.db, name), readCurrentShortages(this.db)]);
    if (!pool) throw notFound('pool', name);
    return toPool(pool, shortages);
  }

  /** @throws ApiError not_found, invalid_request */
  async update(name: string, changes: UpdatePool): Promise<Pool> {
    const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
    if (!(await changePool(this.db, name, (settings) => checked({ ...settings, ...given })))) throw notFound('pool', name);
    return this.changed(name);
  }

  /** The answer says the last of it. @throws ApiError not_found, pool_in_use */
  async delete(name: string): Promise<Pool> {
    const pool = await this.get(name);
    const machines = await deletePool(this.db, name);
    if (machines === null) throw notFound('pool', name);
    if (machines > 0) throw new ApiError('pool_in_use', { name, machines });
    return pool;
  }

  /** The pool’s machines, the newest first. @throws ApiError not_found */
  async machines(name: string, { limit, cursor }: PageQuery): Promise<Page<Machine>> {
    const pool = await this.get(name);
    const rows = await listMachines(this.db, pool.id, limit + 1, cursor === undefined ? null : placeOf(cursor));
    const page = pageOf(rows, limit, 'machines', (row) => [row.place, row.id]);
    return { ...page, items: page.items.map(toMachine) };
  }

  private async changed(name: string): Promise<Pool> {
    this.signals.send('pending', null);
    return this.get(name);
  }
}

/** @throws ApiError invalid_request */
function placeOf(cursor: string): MachinePlace {
  const [requestedAt = '', id = ''] = decodeCursor(cursor, 'machines', 2);
  if (!isId(id) || Number.isNaN(Date.parse(requestedAt))) throw badCursor();
  return { requestedAt, id };
}

/** @throws ApiError invalid_request for the first thing that can't be. */
function checked(settings: PoolSettings): PoolSettings {
  const [fault] = poolFaults(settings);
  if (!fault) return settings;
  const field = fault.path.join('.');
  throw new ApiError('invalid_request', { detail: `${field} ${fault.message}.` }, { field });
}
