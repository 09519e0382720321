// Empties hosts that are being drained. Rereads everything on each run, decides (next-evictions.ts), carries the steps
// out; whoever leads next goes on from what is in the database. Only the leader's runs count.
import { randomUUID } from 'node:crypto';
import type { HostId, TaskId } from '@berth/contract';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import { DataSource } from 'typeorm';
import type { Config } from '../config.js';
import { CONFIG, LOGGER } from '../db/db.module.js';
import { SignalBus } from '../db/signals.js';
import { DisruptionGate } from '../placement/disruption-gate.service.js';
import { Leadership } from '../placement/leadership.service.js';
import type { Lease } from '../placement/lease.store.js';
import { endDrains, readInterrupted, startDrain } from './drains.store.js';
import {
  beginEvictions,
  endEvictions,
  type Leaving,
  readLeaving,
  replaceEvicted,
  stopEvicted,
  withdrawEvictions,
} from './evictions.store.js';
import { type EvictionStep, nextEvictions } from './next-evictions.js';
import { stopReason } from './stop-reason.js';

/** Also the retry, and what notices that a deadline or a window has come. */
const everyMs = 2_000;
/** Status of tasks changes all the time; so much of it is looked at together. */
const gatherMs = 100;
/** So long tasks may take to stop after a drain's deadline, before their machine is gone. */
const stopSeconds = 30;

@Injectable()
export class EvictionReconciler implements OnModuleInit, OnModuleDestroy {
  private timer: NodeJS.Timeout | null = null;
  private soon: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private stopped = false;
  /** Whether anything was leaving at the last look: else the news of tasks are no business of ours. */
  private busy = false;
  private readonly unsubscribe: (() => void)[] = [];

  constructor(
    @Inject(CONFIG) private readonly config: Pick<Config, 'roles'>,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(SignalBus) private readonly signals: SignalBus,
    @Inject(Leadership) private readonly leadership: Leadership,
    @Inject(DisruptionGate) private readonly gate: DisruptionGate,
  ) {}

  onModuleInit(): void {
    if (!this.config.roles.includes('scheduler')) return;
    this.leadership.onElected(() => this.wakeSoon());
    this.unsubscribe.push(this.signals.on('hosts', () => this.wakeSoon()));
    this.unsubscribe.push(this.signals.on('tasks', () => this.busy && this.wakeSoon()));
    this.timer = setInterval(() => this.run(), everyMs);
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    for (const off of this.unsubscribe) off();
    if (this.timer) clearInterval(this.timer);
    if (this.soon) clearTimeout(this.soon);
    await this.running;
  }

  private wakeSoon(): void {
    if (this.stopped) return;
    this.soon ??= setTimeout(() => {
      this.soon = null;
      if (this.running) this.wakeSoon();
      else this.run();
    }, gatherMs);
  }

  private run(): void {
    this.running ??= this.reconcile()
      .catch((err) => this.logger.warn({ err }, 'hosts could not be emptied further; trying again'))
      .finally(() => {
        this.running = null;
      });
  }

  private async reconcile(): Promise<void> {
    const lease = this.leadership.lease;
    if (!lease) return;
    await this.drainInterrupted();
    if (await this.gate.exclusive(() => this.empty(lease))) await this.endDrains(lease);
  }

  /** Machines that their owner takes back: their tasks have until shortly before that. */
  private async drainInterrupted(): Promise<void> {
    for (const { hostId, at, secondsLeft } of await readInterrupted(this.db)) {
      const reason = `EC2 takes the machine back at ${at.toISOString()}.`;
      await startDrain(this.db, hostId, { cause: 'fleet', reason, deadlineSeconds: Math.max(0, secondsLeft - stopSeconds) });
      this.logger.warn({ hostId, secondsLeft }, 'a host is emptied because its machine is taken back');
      this.signals.send('pending', null);
    }
  }

  /** @returns false when this replica no longer leads. */
  private async empty(lease: Lease): Promise<boolean> {
    const leaving = await readLeaving(this.db, null);
    const { steps } = nextEvictions(leaving.tasks, leaving.groups, leaving.nowMs);
    const leads = await this.carryOut(lease, steps, leaving);
    // A stop frees its place among those under way, and a finished drain is none: look again without waiting.
    if (steps.length > 0) this.wakeSoon();
    this.busy = leaving.tasks.length > 0;
    return leads;
  }

  /** @returns false when this replica no longer leads. */
  private async carryOut(lease: Lease, steps: readonly EvictionStep[], { tasks }: Leaving): Promise<boolean> {
    const of = new Map(tasks.map((task) => [task.id, task]));
    const by = <D extends EvictionStep['do']>(kind: D) =>
      steps.filter((step): step is Extract<EvictionStep, { do: D }> => step.do === kind);
    const beginnings = by('begin').flatMap(({ taskId, forced, replaceNow }) => {
      const drainId = of.get(taskId)?.drainId;
      return drainId ? { taskId, drainId, forced, replacementId: replaceNow ? newTaskId() : null } : [];
    });
    const replacements = by('replace').map(({ evictionId }) => ({ evictionId, replacementId: newTaskId() }));
    const stops = by('stop').flatMap(({ taskId, stopCode, forced }) => {
      const task = of.get(taskId);
      return task ? { taskId, drainId: task.drainId, stopCode, forced, reason: stopReason(task, stopCode) } : [];
    });
    const done =
      (await this.when(beginnings, () => beginEvictions(this.db, lease, beginnings), this.announceNew)) &&
      (await this.when(replacements, () => replaceEvicted(this.db, lease, replacements), this.announceNew)) &&
      (await this.when(stops, () => stopEvicted(this.db, lease, stops), this.announceStops)) &&
      (await this.when(by('withdraw'), () => withdrawEvictions(this.db, lease, by('withdraw').map(idOf)), this.announceStops)) &&
      (await this.when(
        by('end'),
        async () => ((await endEvictions(this.db, lease, by('end').map(idOf))) ? [] : null),
        () => {},
      ));
    if (!done) this.leadership.stepDown();
    return done;
  }

  /** @returns false when the write was refused because of the lease. */
  private async when<T>(wanted: readonly unknown[], write: () => Promise<T[] | null>, announce: (done: T[]) => void): Promise<boolean> {
    if (wanted.length === 0) return true;
    const done = await write();
    if (done && done.length > 0) announce(done);
    return done !== null;
  }

  private readonly announceNew = (taskIds: TaskId[]) => {
    this.logger.info({ taskIds: taskIds.slice(0, 20), count: taskIds.length }, 'tasks of draining hosts are being replaced');
    this.signals.send('tasks', taskIds);
    this.signals.send('pending', null);
  };

  private readonly announceStops = (stopped: { taskId: TaskId; hostId: HostId | null }[]) => {
    this.signals.send('desired', [...new Set(stopped.flatMap(({ hostId }) => hostId ?? []))]);
    this.signals.send(
      'tasks',
      stopped.map(({ taskId }) => taskId),
    );
  };

  private async endDrains(lease: Lease): Promise<void> {
    const hostIds = await endDrains(this.db, lease);
    if (!hostIds) this.leadership.stepDown();
    else if (hostIds.length > 0) {
      this.logger.info({ hostIds }, 'hosts are drained');
      this.signals.send('hosts', hostIds);
    }
  }
}

function newTaskId(): TaskId {
  return randomUUID() as string as TaskId;
}

function idOf({ evictionId }: { evictionId: string }): string {
  return evictionId;
}
