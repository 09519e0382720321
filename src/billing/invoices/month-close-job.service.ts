// Closes months when their time has come, for all tenants. Safe to be killed, and to run in several processes at once.
import { setImmediate as breathe } from 'node:timers/promises';
import type { TenantId } from '@berth/contract';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Config } from '../../config.js';
import { CONFIG, LOGGER } from '../../db/db.module.js';
import { BackgroundJobs } from '../../jobs/background-jobs.service.js';
import { InvoicesStore } from './invoices.store.js';
import { MonthClose } from './month-close.service.js';

export const closeJob = 'close-months';
const everyMs = 600_000;
const tenantsAtOnce = 500;
/** Tenants closed at the same time: while one waits for the database, another computes. */
const lanes = 4;
const hourMs = 3_600_000;

@Injectable()
export class MonthCloseJob implements OnModuleInit {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(BackgroundJobs) private readonly jobs: BackgroundJobs,
    @Inject(InvoicesStore) private readonly invoices: InvoicesStore,
    @Inject(MonthClose) private readonly months: MonthClose,
  ) {}

  onModuleInit(): void {
    this.jobs.add({ name: closeJob, everyMs, run: () => this.run(new Date()) });
  }

  /** @returns how many months were closed. */
  async run(now: Date): Promise<number> {
    await this.openFirstMonths();
    const endedAt = new Date(now.getTime() - this.config.invoices.graceHours * hourMs);
    let closed = 0;
    for (let after: string | null = null; ; ) {
      const due: TenantId[] = await this.invoices.tenantsDue(endedAt, after, tenantsAtOnce);
      if (due.length === 0) break;
      closed += await this.closeEach(due, now, endedAt);
      after = due.at(-1) ?? null;
    }
    if (closed > 0) this.logger.info({ closed }, 'closed months');
    return closed;
  }

  private async openFirstMonths(): Promise<void> {
    for (;;) {
      const without = await this.invoices.tenantsWithoutMonth(tenantsAtOnce);
      for (const tenant of without) await this.months.open(tenant);
      if (without.length < tenantsAtOnce) return;
    }
  }

  private async closeEach(tenants: readonly TenantId[], now: Date, endedAt: Date): Promise<number> {
    const counted = await this.invoices.counted();
    const waiting = [...tenants];
    let closed = 0;
    const lane = async () => {
      for (let tenant = waiting.shift(); tenant !== undefined; tenant = waiting.shift()) {
        const months = await this.closeAll(tenant, { now, endedAt, counted });
        closed += months;
        await breathe();
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    return closed;
  }

  /** A tenant whose month cannot be closed keeps no other from it. */
  private async closeAll(tenantId: TenantId, at: { now: Date; endedAt: Date; counted: string }): Promise<number> {
    let closed = 0;
    try {
      while (await this.months.closeNext(tenantId, at)) closed += 1;
    } catch (error) {
      this.logger.error({ err: error, tenantId }, 'a month could not be closed; it will be tried again');
    }
    return closed;
  }
}
