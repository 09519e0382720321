// Hosts that were removed: their connections are closed and their certificates refused, within seconds on every replica.
import type { HostId } from '@berth/contract';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import { DataSource } from 'typeorm';
import { LOGGER } from '../db/db.module.js';
import { SignalBus } from '../db/signals.js';
import { readRemovedHosts } from './host-changes.store.js';
import { HostLinks } from './host-links.service.js';

/** The signal may be lost. */
const lookEveryMs = 15_000;
/** Certificates are good for a day: longer ago, dates alone refuse them. */
const withinDays = 3;

@Injectable()
export class RemovedHosts implements OnModuleInit, OnModuleDestroy {
  private removed: ReadonlySet<HostId> = new Set();
  private timer: NodeJS.Timeout | null = null;
  private unsubscribe: () => void = () => {};
  private looking: Promise<void> | null = null;

  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(SignalBus) private readonly signals: SignalBus,
    @Inject(HostLinks) private readonly links: HostLinks,
  ) {}

  async onModuleInit(): Promise<void> {
    this.unsubscribe = this.signals.on('hosts', () => void this.look());
    this.timer = setInterval(() => void this.look(), lookEveryMs);
    await this.look();
  }

  async onModuleDestroy(): Promise<void> {
    this.unsubscribe();
    if (this.timer) clearInterval(this.timer);
    await this.looking;
  }

  has(hostId: HostId): boolean {
    return this.removed.has(hostId);
  }

  /** One look at a time; whoever asks during one gets another after it. */
  private look(): Promise<void> {
    this.looking = (this.looking ?? Promise.resolve()).then(() => this.refresh());
    return this.looking;
  }

  private async refresh(): Promise<void> {
    try {
      this.removed = new Set(await readRemovedHosts(this.db, withinDays));
      for (const hostId of this.removed) this.links.of(hostId)?.goodbye('this host was removed from the fleet: enrol it again');
    } catch (err) {
      this.logger.warn({ err }, 'removed hosts could not be looked up; those known stay refused');
    }
  }
}
