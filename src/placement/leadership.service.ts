// Whether this replica is the one that places tasks and declares hosts lost. Keeps the lease by renewing it at a third of
// its length, and steps down by its own monotonic clock when it could not. The database's check of the epoch in every
// write is what makes this safe; stepping down only saves useless work.
import { randomUUID } from 'node:crypto';
import { type BeforeApplicationShutdown, Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { DataSource } from 'typeorm';
import type { Config } from '../config.js';
import { CONFIG, LOGGER } from '../db/db.module.js';
import { acquireLease, type Lease, releaseLease, renewLease } from './lease.store.js';

@Injectable()
export class Leadership implements BeforeApplicationShutdown {
  /** Unique to this process's life: a replica started again under its name is another holder. */
  private readonly holder: string;
  private held: Lease | null = null;
  private heldUntilMs = 0;
  private timer: NodeJS.Timeout | null = null;
  private busy = false;
  private running: Promise<void> = Promise.resolve();
  private readonly listeners: (() => void)[] = [];

  constructor(
    @Inject(CONFIG) private readonly config: Pick<Config, 'replica' | 'leaseMs'>,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(DataSource) private readonly db: DataSource,
  ) {
    this.holder = `${config.replica}/${randomUUID().slice(0, 8)}`;
  }

  /** The lease to name in guarded writes, or null when this replica does not lead. */
  get lease(): Lease | null {
    return this.held && performance.now() < this.heldUntilMs ? this.held : null;
  }

  /** `listen` is called each time this replica becomes the leader. */
  onElected(listen: () => void): void {
    this.listeners.push(listen);
  }

  /** Begins to stand for leadership. */
  start(): void {
    if (this.timer) return;
    this.timer = setInterval(() => this.tick(), this.config.leaseMs / 3);
    this.tick();
  }

  /** A write was refused: the lease is gone, whatever our clock says. */
  stepDown(): void {
    if (this.held) this.logger.warn({ epoch: this.held.epoch }, 'no longer the leader');
    this.held = null;
  }

  /** Stops renewing without giving the lease back, as a process that hangs would. */
  pause(): void {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
  }

  /** After the scheduler has stopped (onModuleDestroy), and before the connections are closed. */
  async beforeApplicationShutdown(): Promise<void> {
    this.pause();
    await this.running;
    if (this.held) await releaseLease(this.db, this.held).catch((err) => this.logger.warn({ err }, 'the lease could not be given back'));
    this.held = null;
  }

  /** One renewal at a time: a slow database must not pile them up. */
  private tick(): void {
    if (this.busy) return;
    this.busy = true;
    this.running = this.renewOrAcquire()
      .catch((err) => this.logger.warn({ err }, 'the scheduler’s lease could not be renewed'))
      .finally(() => {
        this.busy = false;
      });
  }
  private async renewOrAcquire(): Promise<void> {
    // Counted from before the request: the database's term began later, so ours ends first.
    const askedAtMs = performance.now();
    if (this.held) {
      if (await renewLease(this.db, this.held, this.config.leaseMs)) this.heldUntilMs = askedAtMs + this.config.leaseMs;
      else this.stepDown();
      return;
    }
    this.held = await acquireLease(this.db, this.holder, this.config.leaseMs);
    if (!this.held) return;
    this.heldUntilMs = askedAtMs + this.config.leaseMs;
    this.logger.info({ epoch: this.held.epoch }, 'leading');
    for (const listen of this.listeners) listen();
  }
}
