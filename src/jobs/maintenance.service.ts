// The daily sweep. Safe to run twice, and at the same time: it only deletes what is over.
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { LOGGER } from '../db/db.module.js';
import { MaintenanceStore } from './maintenance.store.js';

/** As long as the API promises that a request with an Idempotency-Key can be repeated. */
export const idempotencyHours = 24;
const hostTokenHours = 24;

export interface Swept {
  readonly idempotencyKeys: number;
  readonly hostTokens: number;
}

@Injectable()
export class Maintenance {
  constructor(
    @Inject(MaintenanceStore) private readonly store: MaintenanceStore,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async sweep(): Promise<Swept> {
    const swept = {
      idempotencyKeys: await this.store.deleteIdempotencyKeys(idempotencyHours),
      hostTokens: await this.store.deleteHostTokens(hostTokenHours),
    };
    if (swept.idempotencyKeys + swept.hostTokens > 0) this.logger.info(swept, 'swept what is over');
    return swept;
  }
}
