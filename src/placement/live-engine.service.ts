// The fleet in this process's memory: read from PostgreSQL when first needed, then kept up with what changes there. Any
// replica may have one; only the leader's scheduler changes it by planning. Whoever reads it here must leave it as it is:
// `engine.simulate` and `engine.attempt` take back what they tried.
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { Histogram } from 'prom-client';
import { DataSource } from 'typeorm';
import { LOGGER } from '../db/db.module.js';
import { OneAtATime } from '../one-at-a-time.js';
import { readEvictionsAllowed } from './disruption.store.js';
import { type Frontier, readFleet, readFleetChanges } from './fleet-changes.store.js';
import { FleetModel } from './fleet-model.js';
import { HostImages } from './host-images.js';

/** Tasks' rules and sizes are tenants' to choose: shapes that nobody uses any more are let go by beginning anew. */
const shapesAtMost = 20_000;
/** Even what is wrong in the model for a reason that nobody thought of is right again after this. */
const readAllAgainMs = 300_000;

@Injectable()
export class LiveEngine {
  private model: FleetModel | null = null;
  private frontier: Frontier = '0';
  private loadedAtMs = 0;
  private readonly images = new HostImages();
  private readonly turns = new OneAtATime();

  constructor(
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * What `look` sees of the fleet, as it was in the database when this was called or later. Synchronous, so that nothing
   * changes meanwhile; it must leave the model as it found it.
   */
  async read<T>(look: (model: FleetModel) => T): Promise<T> {
    return this.turns.exclusive(async () => look(await this.upToDate(null)));
  }

  /** The same, and what `look` tries may evict tasks as far as their disruption budgets allow it now. */
  async readEvicting<T>(look: (model: FleetModel) => T): Promise<T> {
    return this.turns.exclusive(async () => {
      const model = await this.upToDate(null);
      return model.allowances.during(await readEvictionsAllowed(this.db, model.allowances.groups), () => look(model));
    });
  }

  /** The same for who may change it, and wait in between: nobody else gets at the model before `work` is done. */
  async change<T>(ownEpoch: number, work: (model: FleetModel) => Promise<T>): Promise<T> {
    return this.turns.exclusive(async () => {
      try {
        return await work(await this.upToDate(ownEpoch));
      } catch (error) {
        // What was decided may be written or not: only the database can tell.
        this.forget();
        throw error;
      }
    });
  }

  /** Reads the whole fleet again at the next use. */
  forget(): void {
    this.model = null;
  }

  private async upToDate(ownEpoch: number | null): Promise<FleetModel> {
    const { model } = this;
    if (model && model.shapes.count <= shapesAtMost && performance.now() - this.loadedAtMs < readAllAgainMs) {
      const changes = await readFleetChanges(this.db, this.frontier, ownEpoch);
      if (model.takes(changes)) {
        model.weigh(changes.weights);
        model.apply(changes, nowS());
        this.frontier = changes.frontier;
        return model;
      }
    }
    return this.load();
  }

  private async load(): Promise<FleetModel> {
    const endTimer = loadSeconds.startTimer();
    const fleet = await readFleet(this.db);
    const model = new FleetModel(fleet.capacityGroups, this.images);
    model.weigh(fleet.weights);
    model.apply(fleet, nowS());
    this.model = model;
    this.loadedAtMs = performance.now();
    this.frontier = fleet.frontier;
    const seconds = endTimer();
    this.logger.info({ hosts: model.hosts.size, tasks: model.heldCount, pending: model.pending.size, seconds }, 'the fleet was read');
    return model;
  }
}

function nowS(): number {
  return Math.floor(performance.now() / 1000);
}

const loadSeconds = new Histogram({
  name: 'berth_fleet_read_seconds',
  help: 'Time to read the whole fleet into memory, as a new leader does',
  buckets: [0.01, 0.05, 0.1, 0.5, 1, 2, 5],
});
