// One replica's scheduler without the rest of the control plane, on a test's database.
import { pino } from 'pino';
import { DataSource } from 'typeorm';
import { HostLinks } from '../../src/agents/host-links.service.js';
import { type Config, readConfig } from '../../src/config.js';
import { dataSourceOptions } from '../../src/db/data-source.js';
import { SignalBus } from '../../src/db/signals.js';
import { DisruptionGate } from '../../src/placement/disruption-gate.service.js';
import { HostLiveness } from '../../src/placement/host-liveness.reconciler.js';
import { Leadership } from '../../src/placement/leadership.service.js';
import { LiveEngine } from '../../src/placement/live-engine.service.js';
import { Placements } from '../../src/placement/placements.service.js';
import { Scheduler } from '../../src/placement/scheduler.service.js';

export interface Replica {
  readonly db: DataSource;
  readonly signals: SignalBus;
  readonly leadership: Leadership;
  readonly scheduler: Scheduler;
  readonly live: LiveEngine;
  close(): Promise<void>;
}

/** Begins to stand for leadership at once. */
export async function startReplica(databaseUrl: string, name: string, settings: Partial<Config> = {}): Promise<Replica> {
  const config = {
    ...readConfig({ DATABASE_URL: databaseUrl, BERTH_PKI_DIR: '/nonexistent', BERTH_REPLICA: name, BERTH_LEASE_MS: '1500' }),
    ...settings,
  };
  const logger = pino({ level: 'silent' });
  const db = await new DataSource(dataSourceOptions(databaseUrl, 4)).initialize();
  const signals = new SignalBus(databaseUrl, name, () => {});
  await signals.start();
  const leadership = new Leadership(config, logger, db);
  const live = new LiveEngine(db, logger);
  const scheduler = new Scheduler(
    config,
    logger,
    signals,
    leadership,
    new HostLinks(config, signals),
    new Placements(db, live, new DisruptionGate()),
  );
  const liveness = new HostLiveness(config, logger, db, signals, leadership);
  scheduler.onModuleInit();
  liveness.onModuleInit();
  return {
    db,
    signals,
    leadership,
    scheduler,
    live,
    async close() {
      await scheduler.onModuleDestroy();
      await liveness.onModuleDestroy();
      await leadership.beforeApplicationShutdown();
      await signals.stop();
      await db.destroy();
    },
  };
}
