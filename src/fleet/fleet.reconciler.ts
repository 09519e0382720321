// Keeps the pools as they should be. Each pass rereads EC2 and the database, decides (next-fleet-actions.ts) and carries it
// out; it takes nothing over from the pass before. Runs on the leader alone, when tasks wait and by a timer.
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import { CONFIG, LOGGER } from '../db/db.module.js';
import { SignalBus } from '../db/signals.js';
import { Leadership } from '../placement/leadership.service.js';
import { Ec2Error } from './ec2.service.js';
import { backOffMs } from './ec2-errors.js';
import { FleetEyes } from './fleet-eyes.service.js';
import { FleetHands } from './fleet-hands.service.js';
import { nextFleetActions } from './next-fleet-actions.js';
import type { FleetAction } from './types.js';

/** Signals come in crowds, and EC2 counts requests: so long they are gathered. */
const gatherMs = 1_000;

@Injectable()
export class FleetReconciler implements OnModuleInit, OnModuleDestroy {
  private timer: NodeJS.Timeout | null = null;
  private soon: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private unsubscribe: () => void = () => {};
  /** In a row: EC2 is left alone the longer. */
  private throttled = 0;
  private quietUntilMs = 0;

  constructor(
    @Inject(CONFIG) private readonly config: Pick<Config, 'roles' | 'ec2' | 'fleet'>,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(SignalBus) private readonly signals: SignalBus,
    @Inject(Leadership) private readonly leadership: Leadership,
    @Inject(FleetEyes) private readonly eyes: FleetEyes,
    @Inject(FleetHands) private readonly hands: FleetHands,
  ) {}

  onModuleInit(): void {
    if (!this.config.ec2 || !this.config.roles.includes('scheduler')) return;
    this.leadership.onElected(() => this.run());
    this.unsubscribe = this.signals.on('pending', () => this.wakeSoon());
    this.timer = setInterval(() => this.run(), this.config.fleet.intervalMs);
  }

  async onModuleDestroy(): Promise<void> {
    this.unsubscribe();
    if (this.timer) clearInterval(this.timer);
    if (this.soon) clearTimeout(this.soon);
    await this.running;
  }

  private wakeSoon(): void {
    this.soon ??= setTimeout(
      () => {
        this.soon = null;
        this.run();
      },
      Math.min(gatherMs, this.config.fleet.intervalMs),
    );
  }

  private run(): void {
    if (performance.now() < this.quietUntilMs) return;
    this.running ??= this.reconcile()
      .catch((err) => this.noteFailure(err))
      .finally(() => {
        this.running = null;
      });
  }

  private async reconcile(): Promise<void> {
    const lease = this.leadership.lease;
    const view = lease && (await this.eyes.view());
    if (!lease || !view) return;
    const actions = nextFleetActions(view, this.config.fleet.strayGraceMs);
    for (const action of actions) if (isNews(action)) this.logger.info({ action }, 'the fleet changes');
    const { leading, throttled } = await this.hands.carryOut(lease, actions, view);
    if (!leading) this.leadership.stepDown();
    this.noteThrottling(throttled);
  }

  private noteFailure(err: unknown): void {
    this.logger.error({ err }, 'a pass over the fleet failed; the next one tries again');
    this.noteThrottling(err instanceof Ec2Error && err.failure === 'throttled');
  }

  private noteThrottling(throttled: boolean): void {
    this.throttled = throttled ? this.throttled + 1 : 0;
    this.quietUntilMs = performance.now() + backOffMs(this.throttled);
  }
}

/** Others are only repeated, or noted. */
function isNews({ kind }: FleetAction): boolean {
  return kind !== 'launch' && kind !== 'unneeded';
}
