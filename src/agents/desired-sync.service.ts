// Tells connected agents what the database wants of them, whenever a signal says that it may have changed and at every
// connect. Looks for many hosts at once, one look at a time; what arrives meanwhile waits for the next.
import { setTimeout as sleep } from 'node:timers/promises';
import type { DesiredTask, HostId, TaskId } from '@berth/contract';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import { DataSource } from 'typeorm';
import { LOGGER } from '../db/db.module.js';
import { SignalBus } from '../db/signals.js';
import { SecretValues } from '../secrets/secret-values.service.js';
import type { AgentLink } from './agent-link.service.js';
import { readSpecSources, readWanted, type Wanted } from './desired.store.js';
import { groupByHost } from './group-by-host.js';
import { HostLinks } from './host-links.service.js';
import { usesSecrets } from './task-spec.js';

/** Signals can be lost. */
const lookAnywayMs = 30_000;
const retryMs = 1_000;
/** For tasks whose secrets could not be opened. */
const retrySecretsMs = 5_000;

@Injectable()
export class DesiredSync implements OnModuleInit, OnModuleDestroy {
  private dirty = new Set<HostId>();
  private working: Promise<void> | null = null;
  private stopped = false;
  private timer: NodeJS.Timeout | null = null;
  private unsubscribe: readonly (() => void)[] = [];

  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(SignalBus) private readonly signals: SignalBus,
    @Inject(HostLinks) private readonly links: HostLinks,
    @Inject(SecretValues) private readonly secrets: SecretValues,
  ) {}

  onModuleInit(): void {
    this.unsubscribe = [
      this.signals.on('desired', (hostIds) => this.look(hostIds as readonly HostId[])),
      this.links.onAdd(({ hostId }) => this.look([hostId])),
    ];
    this.timer = setInterval(() => this.look(this.links.hostIds), lookAnywayMs);
  }

  /** Compares what these hosts were told with what they should have, and tells them the difference. Returns at once. */
  look(hostIds: readonly HostId[]): void {
    for (const hostId of hostIds) if (this.links.of(hostId)) this.dirty.add(hostId);
    if (this.dirty.size === 0 || this.stopped) return;
    this.working ??= this.work().finally(() => {
      this.working = null;
      if (this.dirty.size > 0) this.look([]);
    });
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    for (const off of this.unsubscribe) off();
    if (this.timer) clearInterval(this.timer);
    await this.working;
  }

  private async work(): Promise<void> {
    // What arrives in the same turn of the event loop belongs together.
    await Promise.resolve();
    while (this.dirty.size > 0 && !this.stopped) {
      const hostIds = [...this.dirty];
      this.dirty = new Set();
      try {
        await this.bringUpToDate(hostIds.flatMap((hostId) => this.links.of(hostId) ?? []));
      } catch (err) {
        this.logger.warn({ err }, 'what agents are to run could not be read; trying again');
        for (const hostId of hostIds) this.dirty.add(hostId);
        await sleep(retryMs);
      }
    }
  }

  /** The links are fixed before the look: one that replaces another meanwhile gets a look of its own. */
  private async bringUpToDate(links: readonly AgentLink[]): Promise<void> {
    if (links.length === 0) return;
    const { epoch, wanted } = await readWanted(
      this.db,
      links.map(({ hostId }) => hostId),
    );
    this.links.noteEpoch(epoch);
    const byHost = groupByHost(wanted);
    const news = links.map((link) => ({ link, wanted: (byHost.get(link.hostId) ?? []).filter((task) => link.lacks(task)) }));
    const toRun = news.flatMap(({ wanted }) => wanted.filter(({ desired }) => desired === 'running').map(({ taskId }) => taskId));
    const orders = new Map((await this.ordersOf(toRun)).map((task) => [task.taskId, task]));
    const withheld = new Set(toRun.filter((taskId) => !orders.has(taskId)));
    this.lookAgain(news.flatMap(({ link, wanted }) => (wanted.some(({ taskId }) => withheld.has(taskId)) ? [link.hostId] : [])));
    for (const { link, wanted } of news) {
      // Of a full state nothing may be missing: the agent would take it for ended.
      if (link.awaitsFull && wanted.some(({ taskId }) => withheld.has(taskId))) continue;
      const tasks = wanted.flatMap((task) => toOrder(task) ?? orders.get(task.taskId) ?? []);
      if (link.awaitsFull) link.tellFull(tasks);
      else link.tell(tasks);
    }
  }

  private lookAgain(hostIds: readonly HostId[]): void {
    if (hostIds.length > 0) setTimeout(() => this.look(hostIds), retrySecretsMs).unref();
  }

  /** Secrets are opened for those that take any, now that they go to their hosts. Left out: those whose can't be, for now. */
  private async ordersOf(taskIds: readonly TaskId[]): Promise<DesiredTask[]> {
    const sources = await readSpecSources(this.db, taskIds);
    const users = sources.filter(({ definition }) => usesSecrets(definition));
    const values = await this.secrets.of(users.map(({ tenantId, definition }) => ({ tenantId, containers: definition.containers })));
    const valuesOf = new Map(users.map(({ taskId }, index) => [taskId, values[index]]));
    return this.links.toDesired(sources).flatMap((task) => {
      const secrets = valuesOf.get(task.taskId);
      if (!(secrets instanceof Error)) return secrets ? { ...task, secrets } : task;
      this.logger.warn({ err: secrets, taskId: task.taskId }, 'the secrets of a task could not be opened; trying again');
      return [];
    });
  }
}

function toOrder(task: Wanted): DesiredTask | null {
  if (task.desired === 'running') return null;
  return { taskId: task.taskId, desired: 'stopped', stopCode: task.stopCode, reason: task.reason };
}
