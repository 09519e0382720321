// Writes the audit trail. An event is in the database before the change that it tells of is begun; its outcome follows,
// and then it is taken into its chain, off everybody's way. A control plane that is killed in between leaves an event
// whose outcome is unknown, never a change without one.
import { randomUUID } from 'node:crypto';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { LOGGER } from '../db/db.module.js';
import { AuditStore, type NewPending } from './audit.store.js';
import { type AuditRecord, appendAll } from './audit-event.js';

/** An event that was begun. What is learned on the way may be added until it is ended. */
export interface AuditEntry {
  readonly id: string;
  record: AuditRecord;
}

const flushAfterMs = 200;
const lookAgainMs = 30_000;
const perBatch = 500;
/** Of refusals that differ, between two flushes; what is beyond counts as one. */
const deniedAtMost = 500;

@Injectable()
export class AuditTrail implements OnApplicationShutdown {
  private waiting: { readonly event: NewPending; readonly done: (error: unknown) => void }[] = [];
  private writing: Promise<void> | null = null;
  private ended: AuditEntry[] = [];
  private readonly denied = new Map<string, AuditRecord>();
  private timer: NodeJS.Timeout | null = null;
  private readonly looking = setInterval(() => this.flushSoon(), lookAgainMs).unref();

  constructor(
    @Inject(AuditStore) private readonly store: AuditStore,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Those that come while one statement runs go together in the next. @throws what the database throws: nothing is to be done then. */
  async begin(record: AuditRecord): Promise<AuditEntry> {
    const entry = { id: randomUUID(), record };
    await new Promise<void>((resolve, reject) => {
      const done = (error: unknown) => (error === null ? resolve() : reject(error));
      this.waiting.push({ event: { ...entry, finished: false }, done });
      this.writing ??= this.write();
    });
    return entry;
  }

  /** @param status of the answer; null when there was none. */
  end(entry: AuditEntry, status: number | null): void {
    entry.record = { ...entry.record, status };
    this.ended.push(entry);
    this.flushSoon();
  }

  /** Something was refused before it was begun. Refusals that are alike and fast are one event with their count. */
  deny(record: AuditRecord): void {
    const { chains, actor, action, ip, status } = record;
    const alike = this.denied.size < deniedAtMost ? JSON.stringify([chains, actor.id, action, ip, status]) : 'others';
    const before = this.denied.get(alike);
    this.denied.set(alike, before ? { ...before, count: before.count + record.count } : record);
    this.flushSoon();
  }

  /** All that has ended so far is in its chain when this returns. */
  async catchUp(): Promise<void> {
    await this.flush();
    while ((await this.store.chain(perBatch, appendAll)) === perBatch);
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.looking);
    if (this.timer) clearTimeout(this.timer);
    await this.flush().catch((err: unknown) => this.logger.error({ err }, 'outcomes in the audit trail were lost'));
    await this.store.close();
  }

  private async write(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, perBatch);
      const error = await this.store.insertPending(batch.map(({ event }) => event)).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      for (const { done } of batch) done(error);
    }
    this.writing = null;
  }

  private flushSoon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.catchUp().catch((err: unknown) => this.logger.warn({ err }, 'the audit trail could not be written; it will be tried again'));
    }, flushAfterMs).unref();
  }

  /** What could not be written is kept for the next time. */
  private async flush(): Promise<void> {
    const ended = this.ended.splice(0);
    const denied = [...this.denied.values()];
    this.denied.clear();
    try {
      if (ended.length > 0) await this.store.finish(ended);
    } catch (error) {
      this.ended.unshift(...ended);
      for (const record of denied) this.deny(record);
      throw error;
    }
    if (denied.length > 0) await this.store.insertPending(denied.map((record) => ({ id: randomUUID(), record, finished: true })));
  }
}
