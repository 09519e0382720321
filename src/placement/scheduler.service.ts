// Places pending tasks: reads, decides (place.ts), commits, hands over to the agents. One pass at a time; a wake-up
// during a pass makes another one. The slow timer is the retry for whatever went wrong and for signals that got lost.
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import { Histogram } from 'prom-client';
import { DataSource } from 'typeorm';
import { HostLinks } from '../agents/host-links.service.js';
import type { Config } from '../config.js';
import { CONFIG, LOGGER } from '../db/db.module.js';
import { SignalBus } from '../db/signals.js';
import { type Fleet, type Shape, shapeKey } from './fleet.js';
import { Leadership } from './leadership.service.js';
import type { Lease } from './lease.store.js';
import { place, type UnplacedTask } from './place.js';
import { type Assignment, commitPlacements, readFleet, readPending, writePendingReasons } from './scheduler.store.js';
import { readVolumeHomes } from './volume-homes.store.js';

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
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(SignalBus) private readonly signals: SignalBus,
    @Inject(Leadership) private readonly leadership: Leadership,
    @Inject(HostLinks) private readonly hostLinks: HostLinks,
  ) {}

  onModuleInit(): void {
    if (!this.config.roles.includes('scheduler')) return;
    this.unsubscribe = this.signals.on('pending', () => this.wake());
    this.retry = setInterval(() => this.wake(), retryMs);
    this.leadership.onElected(() => this.wake());
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

  /** Pages through everything pending, so that tasks that fit nowhere hold up nobody behind them. */
  private async placeAll(): Promise<void> {
    const lease = this.leadership.lease;
    if (!lease) return;
    const unplaced = new Map<string, UnplacedTask>();
    let [fleet, page] = await Promise.all([readFleet(this.db), readPending(this.db, tasksPerBatch, null, [])]);
    for (;;) {
      if (page.tasks.length > 0) fleet = await this.placeBatch(lease, page.tasks, fleet, unplaced);
      if (!page.next || this.stopped || !this.leadership.lease) break;
      page = await readPending(
        this.db,
        tasksPerBatch,
        page.next,
        [...unplaced.values()].map(({ shape }) => shape),
      );
    }
    if (unplaced.size > 0) await this.explain(lease, [...unplaced.values()]);
  }

  private async placeBatch(
    lease: Lease,
    tasks: Parameters<typeof place>[0],
    { hosts }: Fleet,
    unplaced: Map<string, UnplacedTask>,
  ): Promise<Fleet> {
    const volumeIds = new Set(tasks.flatMap(({ needs }) => needs.volumes?.map(({ id }) => id) ?? []));
    const fleet = { hosts, volumes: await readVolumeHomes(this.db, [...volumeIds]) };
    const endTimer = placementSeconds.startTimer();
    const plan = place(tasks, fleet);
    for (const task of plan.unplaced) unplaced.set(shapeKey(task.shape), task);
    if (plan.placed.length > 0) {
      const assignments = await commitPlacements(this.db, lease, plan.placed, fleet);
      if (!assignments) this.leadership.stepDown();
      else this.handOver(lease, assignments);
      // Refused in part, because a host or a task changed since it was read: look again.
      if (assignments && assignments.length < plan.placed.length) this.wokenMeanwhile = true;
    }
    endTimer();
    batchTasks.observe(tasks.length);
    return plan.fleet;
  }

  /** Agents connected here get their tasks from memory; other replicas are told to look. */
  private handOver(lease: Lease, assignments: readonly Assignment[]): void {
    const elsewhere = this.hostLinks.assign(lease.epoch, assignments);
    if (elsewhere.length > 0) this.signals.send('desired', elsewhere);
    this.signals.send(
      'tasks',
      assignments.map(({ taskId }) => taskId),
    );
  }

  private async explain(lease: Lease, unplaced: readonly { shape: Shape; reason: UnplacedTask['reason'] }[]): Promise<void> {
    const waitMs = this.reasonsWrittenAtMs + reasonsEveryMs - performance.now();
    if (waitMs > 0) {
      this.laterReasons ??= setTimeout(() => {
        this.laterReasons = null;
        this.wake();
      }, waitMs);
      return;
    }
    this.reasonsWrittenAtMs = performance.now();
    const changed = await writePendingReasons(this.db, lease, unplaced);
    if (!changed) this.leadership.stepDown();
    else if (changed.length > 0) this.signals.send('tasks', changed);
  }
}

const placementSeconds = new Histogram({
  name: 'berth_placement_batch_seconds',
  help: 'Time from having read a batch of pending tasks to having handed the placed ones to the gateway',
  buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
});

const batchTasks = new Histogram({
  name: 'berth_placement_batch_tasks',
  help: 'Tasks considered in one batch',
  buckets: [1, 2, 5, 10, 50, 100, 500, 1000],
});
