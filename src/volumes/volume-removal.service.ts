// Tells hosts which volumes were deleted, until they say that nothing is left of them: at once, whenever a host comes
// back, and now and then, for orders and answers can get lost.
import type { HostId } from '@berth/contract';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import { DataSource } from 'typeorm';
import { groupByHost } from '../agents/group-by-host.js';
import { HostLinks } from '../agents/host-links.service.js';
import { LOGGER } from '../db/db.module.js';
import { SignalBus } from '../db/signals.js';
import { readDoomed } from './volume-removal.store.js';

const lookAnywayMs = 30_000;
const idsPerFrame = 1_000;

@Injectable()
export class VolumeRemoval implements OnModuleInit, OnModuleDestroy {
  private dirty = new Set<HostId>();
  private working: Promise<void> | null = null;
  private stopped = false;
  private readonly endings: (() => void)[] = [];

  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(SignalBus) private readonly signals: SignalBus,
    @Inject(HostLinks) private readonly links: HostLinks,
  ) {}

  onModuleInit(): void {
    const timer = setInterval(() => this.look(this.links.hostIds), lookAnywayMs);
    this.endings.push(
      () => clearInterval(timer),
      this.signals.on('volumes', (hostIds) => this.look(hostIds as readonly HostId[])),
      this.links.onAdd(({ hostId }) => this.look([hostId])),
    );
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    for (const end of this.endings) end();
    await this.working;
  }

  /** Returns at once. */
  look(hostIds: readonly HostId[]): void {
    for (const hostId of hostIds) if (this.links.of(hostId)) this.dirty.add(hostId);
    if (this.dirty.size === 0 || this.stopped) return;
    this.working ??= this.work()
      .catch((err) => this.logger.warn({ err }, 'which volumes were deleted could not be read; the timer tries again'))
      .finally(() => {
        this.working = null;
        this.look([]);
      });
  }

  private async work(): Promise<void> {
    // What arrives in the same turn of the event loop belongs together.
    await Promise.resolve();
    const hostIds = [...this.dirty];
    this.dirty = new Set();
    for (const [hostId, doomed] of groupByHost(await readDoomed(this.db, hostIds))) {
      for (let from = 0; from < doomed.length; from += idsPerFrame) {
        const volumeIds = doomed.slice(from, from + idsPerFrame).map(({ volumeId }) => volumeId);
        this.links.of(hostId)?.request({ type: 'remove-volumes', volumeIds });
      }
    }
  }
}
