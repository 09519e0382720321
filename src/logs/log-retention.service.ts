// Removes logs from the store when their time is over. Safe to run twice, and at the same time.
import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../config.js';
import { CONFIG } from '../db/db.module.js';
import { LOG_STORE, type LogStore, taskPrefix } from './log-store.js';
import { StoredLogsStore } from './stored-logs.store.js';

const logsPerSweep = 10_000;
const logsPerPage = 100;

@Injectable()
export class LogRetention {
  constructor(
    @Inject(CONFIG) private readonly config: Pick<Config, 'logs'>,
    @Inject(StoredLogsStore) private readonly logs: StoredLogsStore,
    @Inject(LOG_STORE) private readonly store: LogStore | null,
  ) {}

  /** First from the store, then from the list: what was not removed is tried again. @returns how many. */
  async sweep(): Promise<number> {
    if (!this.store) return 0;
    let removed = 0;
    while (removed < logsPerSweep) {
      const page = await this.logs.listKept(this.config.logs.retentionHours, logsPerPage);
      for (const { tenantId, taskId } of page) {
        await this.store.removeAll(taskPrefix(tenantId, taskId));
        await this.logs.markRemoved(taskId);
        removed += 1;
      }
      if (page.length < logsPerPage) break;
    }
    return removed;
  }
}
