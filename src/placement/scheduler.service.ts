// Places pending tasks: brings the engine up to date, decides, commits, hands over to the agents. One pass at a time; a
// wake-up during a pass makes another one. The slow timer is the retry for whatever went wrong and for signals that got lost.
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import { Histogram } from 'prom-client';
import { HostLinks } from '../agents/host-links.service.js';
import type { Config } from '../config.js';
import { CONFIG, LOGGER } from '../db/db.module.js';
import { SignalBus } from '../db/signals.js';
import { Leadership } from './leadership.service.js';
import { type Committed, Placements } from './placements.service.js';

const tasksPerBatch = 1000;
const retryMs = 5_000;
/** Reasons name amounts that change with every pass; on a busy fleet with a long queue they must not be most of the work. */
const reasonsEveryMs = 1_000;

@Injectable()
export class Scheduler implements OnModuleInit, OnModuleDestroy {
  private retry: NodeJS.Timeout | null = null;
  private unsubscribe: () => void = () => {};
  private pass: Promise<void> | null = null;
  private wokenMeanwhile = false;
  private stopped = false;
  private reasonsWrittenAtMs = Number.NEGATIVE_INFINITY;
  private laterReasons: NodeJS.Timeout | null = null;

  constructor(
    @Inject(CONFIG) private readonly config: Pick<Config, 'roles'>,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(SignalBus) private readonly signals: SignalBus,
    @Inject(Leadership) private readonly leadership: Leadership,
    @Inject(HostLinks) private readonly hostLinks: HostLinks,
    @Inject(Placements) private readonly placements: Placements,
  ) {}

  onModuleInit(): void {
    if (!this.config.roles.includes('scheduler')) return;
    this.unsubscribe = this.signals.on('pending', () => this.wake());
    this.retry = setInterval(() => this.wake(), retryMs);
    this.leadership.onElected(() => {
      this.placements.begin();
      this.wake();
    });
    this.leadership.start();
  }

  /** Looks for pending tasks now, if this replica leads. Returns at once. */
  wake(): void {
    if (this.stopped || !this.leadership.lease) return;
    if (this.pass) {
      this.wokenMeanwhile = true;
      return;
    }
    this.wokenMeanwhile = false;
    this.pass = this.placeAll()
      .catch((err) => this.logger.error({ err }, 'a placement pass failed; the next one tries again'))
      .finally(() => {
        this.pass = null;
        if (this.wokenMeanwhile) this.wake();
      });
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    if (this.retry) clearInterval(this.retry);
    if (this.laterReasons) clearTimeout(this.laterReasons);
    this.unsubscribe();
    await this.pass;
  }

  /** Batch by batch, so that the first tasks of a long queue start while the last are still being placed. */
  private async placeAll(): Promise<void> {
    for (let more = true; more && !this.stopped; ) {
      const { lease } = this.leadership;
      if (!lease) return;
      const endTimer = batchSeconds.startTimer();
      const batch = await this.placements.place(lease, tasksPerBatch);
      if (!batch) return this.leadership.stepDown();
      endTimer();
      this.handOver(lease.epoch, batch);
      // What is refused altogether would be again: a signal or the timer will tell when to look next.
      more = batch.assignments.length + batch.evicted.tasks.length > 0;
      if (more) batchTasks.observe(batch.decided);
    }
    await this.explain();
  }

  /** Agents connected here get their tasks from memory; other replicas are told to look. */
  private handOver(epoch: number, { assignments, evicted }: Committed): void {
    if (assignments.length === 0 && evicted.tasks.length === 0) return;
    const elsewhere = [...this.hostLinks.assign(epoch, assignments), ...evicted.hosts];
    if (elsewhere.length > 0) this.signals.send('desired', elsewhere);
    this.signals.send('tasks', [...assignments.map(({ taskId }) => taskId), ...evicted.tasks]);
  }

  private async explain(): Promise<void> {
    const { lease } = this.leadership;
    if (!lease || !this.placements.hasUnexplained) return;
    const waitMs = this.reasonsWrittenAtMs + reasonsEveryMs - performance.now();
    if (waitMs > 0) return this.explainLater(waitMs);
    this.reasonsWrittenAtMs = performance.now();
    const changed = await this.placements.explain(lease);
    if (!changed) return this.leadership.stepDown();
    if (changed.length > 0) this.signals.send('tasks', changed);
    if (this.placements.hasUnexplained) this.explainLater(reasonsEveryMs);
  }

  private explainLater(waitMs: number): void {
    this.laterReasons ??= setTimeout(() => {
      this.laterReasons = null;
      this.wake();
    }, waitMs);
  }
}

const batchSeconds = new Histogram({
  name: 'berth_placement_batch_seconds',
  help: 'Time from bringing the engine up to date to having a batch of placements committed',
  buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
});

const batchTasks = new Histogram({
  name: 'berth_placement_batch_tasks',
  help: 'Tasks placed in one batch',
  buckets: [1, 2, 5, 10, 50, 100, 500, 1000],
});
