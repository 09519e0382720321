// Runs background jobs in processes with the role `worker`, and keeps their schedule in the queue.
import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import { CONFIG, LOGGER } from '../db/db.module.js';
import { BackgroundJobs } from './background-jobs.service.js';
import { closeSoon, type JobQueue, type JobWorker, openQueue, openWorker } from './queues.js';

export const queueName = 'maintenance';
/** Redis may be flushed: the schedule is written again. */
const scheduleAgainMs = 600_000;
const openAgainMs = 5_000;

@Injectable()
export class JobRunner implements OnApplicationBootstrap, OnApplicationShutdown {
  private queue: JobQueue | null = null;
  private worker: JobWorker | null = null;
  private timer: NodeJS.Timeout | null = null;
  private readonly stopping = new AbortController();

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(BackgroundJobs) private readonly jobs: BackgroundJobs,
  ) {}

  /** Waits for nothing: the queue's server may be away, and the API does not need it. */
  onApplicationBootstrap(): void {
    if (!this.config.roles.includes('worker')) return;
    this.timer = setInterval(() => this.schedule(), scheduleAgainMs);
    void this.open();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    if (this.timer) clearInterval(this.timer);
    await this.closeParts();
  }

  private async open(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      try {
        return await this.tryOpen();
      } catch (error) {
        this.onAway(error);
        await this.closeParts();
        await sleep(openAgainMs, undefined, { signal: this.stopping.signal }).catch(() => {});
      }
    }
  }

  private async tryOpen(): Promise<void> {
    this.queue = openQueue(this.config, queueName);
    this.worker = openWorker(this.config, queueName, async ({ name }) => this.jobs.find(name)?.run());
    for (const part of [this.queue, this.worker]) part.on('error', (error) => this.onAway(error));
    this.worker.on('failed', (job, error) => this.logger.error({ err: error, job: job?.name }, 'a background job failed'));
    await this.queue.waitUntilReady();
    await this.worker.waitUntilReady();
    if (this.stopping.signal.aborted) return;
    this.worker.run().catch((error: unknown) => this.onAway(error));
    this.schedule();
  }

  private async closeParts(): Promise<void> {
    await Promise.all([this.worker, this.queue].map((part) => part && closeSoon(part)));
  }

  private onAway(error: unknown): void {
    if (!this.stopping.signal.aborted) this.logger.warn({ err: error }, 'the job queue is away');
  }

  private schedule(): void {
    for (const { name, everyMs } of this.jobs.all()) {
      const template = { name, opts: { removeOnComplete: 10, removeOnFail: 100 } };
      this.queue
        ?.upsertJobScheduler(name, { every: everyMs }, template)
        .catch((error: unknown) => this.logger.warn({ err: error }, 'the job schedule could not be written; it will be tried again'));
    }
  }
}
