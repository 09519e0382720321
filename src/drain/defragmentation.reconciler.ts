// Looks from time to time for hosts that can be emptied (hosts-to-empty.ts), writes down which, and if it is switched on
// begins to drain them. What it may do within an hour is counted in the database. Only the leader's runs count.
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import { DataSource } from 'typeorm';
import { LOGGER } from '../db/db.module.js';
import { SignalBus } from '../db/signals.js';
import { Leadership } from '../placement/leadership.service.js';
import type { Lease } from '../placement/lease.store.js';
import { LiveEngine } from '../placement/live-engine.service.js';
import { DefragmentationService } from './defragmentation.service.js';
import { callOffLateDrains, readHourSoFar, readMovable, writeFindings } from './defragmentation.store.js';
import { startDrain } from './drains.store.js';
import { hostsToEmpty } from './hosts-to-empty.js';

const everyMs = 60_000;

@Injectable()
export class DefragmentationReconciler implements OnModuleInit, OnModuleDestroy {
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private unsubscribe: () => void = () => {};

  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(SignalBus) private readonly signals: SignalBus,
    @Inject(Leadership) private readonly leadership: Leadership,
    @Inject(LiveEngine) private readonly engine: LiveEngine,
    @Inject(DefragmentationService) private readonly defragmentation: DefragmentationService,
  ) {}

  onModuleInit(): void {
    // An empty list says that the settings have changed; other news of hosts can wait for the timer.
    this.unsubscribe = this.signals.on('hosts', (hostIds) => hostIds.length === 0 && this.run());
    this.timer = setInterval(() => this.run(), everyMs);
  }

  async onModuleDestroy(): Promise<void> {
    this.unsubscribe();
    if (this.timer) clearInterval(this.timer);
    await this.running;
  }

  private run(): void {
    this.running ??= this.reconcile()
      .catch((err) => this.logger.warn({ err }, 'it could not be looked for hosts to empty; trying again'))
      .finally(() => {
        this.running = null;
      });
  }

  private async reconcile(): Promise<void> {
    const lease = this.leadership.lease;
    if (!lease) return;
    const late = await callOffLateDrains(this.db, lease);
    if (!late) return this.leadership.stepDown();
    if (late.length > 0) this.announce(late);
    const { settings } = await this.defragmentation.get();
    if (settings.mode === 'off') return;
    const [soFar, movable] = await Promise.all([readHourSoFar(this.db), readMovable(this.db)]);
    const left = { hosts: settings.hostsPerHour - soFar.hosts, moves: settings.movesPerHour - soFar.moves };
    const steps = await this.engine.read((model) => hostsToEmpty(model, settings, left, movable));
    if (!(await writeFindings(this.db, lease, steps))) return this.leadership.stepDown();
    if (settings.mode === 'on') await this.begin(lease, steps, settings.deadlineSeconds);
  }

  private async begin(lease: Lease, steps: ReturnType<typeof hostsToEmpty>, deadlineSeconds: number): Promise<void> {
    for (const { hostId, hostName, moves } of steps) {
      if (this.leadership.lease?.epoch !== lease.epoch) return;
      const reason = `It is used little, and its ${moves.length} tasks fit on other hosts.`;
      await startDrain(this.db, hostId as never, { cause: 'defragmentation', reason, deadlineSeconds });
      this.logger.info({ hostId, hostName, moves: moves.length }, 'a host is being emptied by defragmentation');
    }
    if (steps.length > 0) this.announce(steps.map(({ hostId }) => hostId));
  }

  private announce(hostIds: readonly string[]): void {
    this.signals.send('hosts', hostIds);
    this.signals.send('pending', null);
  }
}
