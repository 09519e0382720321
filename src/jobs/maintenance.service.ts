// The daily sweep. Safe to run twice, and at the same time: it only deletes what is over.
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import { LOGGER } from '../db/db.module.js';
import { LogRetention } from '../logs/log-retention.service.js';
import { BackgroundJobs } from './background-jobs.service.js';
import { MaintenanceStore } from './maintenance.store.js';

/** As long as the API promises that a request with an Idempotency-Key can be repeated. */
export const idempotencyHours = 24;
const hostTokenHours = 24;
/** So long one can see which sessions there were. */
const sessionHours = 30 * 24;
const loginAttemptHours = 1;
export const sweepJob = 'sweep';
const sweepEveryMs = 3_600_000;

export interface Swept {
  readonly idempotencyKeys: number;
  readonly hostTokens: number;
  readonly sessions: number;
  readonly loginAttempts: number;
  readonly logs: number;
}

@Injectable()
export class Maintenance implements OnModuleInit {
  constructor(
    @Inject(MaintenanceStore) private readonly store: MaintenanceStore,
    @Inject(LogRetention) private readonly logs: LogRetention,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(BackgroundJobs) private readonly jobs: BackgroundJobs,
  ) {}

  onModuleInit(): void {
    this.jobs.add({ name: sweepJob, everyMs: sweepEveryMs, run: () => this.sweep() });
  }

  async sweep(): Promise<Swept> {
    const swept = {
      idempotencyKeys: await this.store.deleteIdempotencyKeys(idempotencyHours),
      hostTokens: await this.store.deleteHostTokens(hostTokenHours),
      sessions: await this.store.deleteSessions(sessionHours),
      loginAttempts: await this.store.deleteLoginAttempts(loginAttemptHours),
      logs: await this.logs.sweep(),
    };
    if (Object.values(swept).some((count) => count > 0)) this.logger.info(swept, 'swept what is over');
    return swept;
  }
}
