// Finds hosts that have gone silent: first no new tasks for them, later their tasks are given up. Rereads everything on
// each run; only the leader's runs count. Coming back is the gateway's business (agents/host-presence).
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import { DataSource } from 'typeorm';
import type { Config } from '../config.js';
import { CONFIG, LOGGER } from '../db/db.module.js';
import { SignalBus } from '../db/signals.js';
import { Leadership } from './leadership.service.js';
import type { Lease } from './lease.store.js';
import { judgeHosts, watchingSince } from './liveness.js';
import { markLost, markUnreachable, readSightings } from './liveness.store.js';

interface Watch {
  readonly epoch: number;
  readonly sinceMs: number;
  readonly lookedAtMs: number;
}

@Injectable()
export class HostLiveness implements OnModuleInit, OnModuleDestroy {
  private watch: Watch | null = null;
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private readonly everyMs: number;

  constructor(
    @Inject(CONFIG) private readonly config: Pick<Config, 'roles' | 'hostUnreachableAfterMs' | 'hostLostAfterMs'>,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(SignalBus) private readonly signals: SignalBus,
    @Inject(Leadership) private readonly leadership: Leadership,
  ) {
    this.everyMs = Math.min(1_000, config.hostUnreachableAfterMs / 5);
  }

  onModuleInit(): void {
    if (!this.config.roles.includes('scheduler')) return;
    this.leadership.onElected(() => this.run());
    this.timer = setInterval(() => this.run(), this.everyMs);
  }

  async onModuleDestroy(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await this.running;
  }

  private run(): void {
    this.running ??= this.reconcile()
      .catch((err) => this.logger.warn({ err }, 'silent hosts could not be looked for'))
      .finally(() => {
        this.running = null;
      });
  }

  private async reconcile(): Promise<void> {
    const lease = this.leadership.lease;
    if (!lease) return;
    const { nowMs, hosts } = await readSightings(this.db);
    const before = this.watch?.epoch === lease.epoch ? this.watch : null;
    // Heartbeats go by the same database: a gap between two looks is one in which they may have been lost as well.
    const sinceMs = watchingSince(before, nowMs, this.everyMs * 3);
    this.watch = { epoch: lease.epoch, sinceMs, lookedAtMs: nowMs };
    const limits = { unreachableAfterMs: this.config.hostUnreachableAfterMs, lostAfterMs: this.config.hostLostAfterMs };
    const { unreachable, lost } = judgeHosts(hosts, nowMs, sinceMs, limits);
    if (unreachable.length > 0) this.noteUnreachable(await markUnreachable(this.db, lease, unreachable, limits.unreachableAfterMs));
    if (lost.length > 0) await this.giveUp(lease, lost);
  }

  private noteUnreachable(hostIds: readonly string[] | null): void {
    if (!hostIds) this.leadership.stepDown();
    else if (hostIds.length > 0) this.logger.warn({ hostIds }, 'hosts are unreachable: they get no new tasks');
  }

  private async giveUp(lease: Lease, hostIds: Parameters<typeof markLost>[2]): Promise<void> {
    const given = await markLost(this.db, lease, hostIds, this.config.hostLostAfterMs);
    if (!given) return this.leadership.stepDown();
    if (given.hosts.length === 0) return;
    this.logger.error({ hostIds: given.hosts, tasks: given.tasks.length }, 'hosts are lost: their tasks are given up');
    this.signals.send('tasks', given.tasks);
    this.signals.send('pending', null);
  }
}
