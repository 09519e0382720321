// Takes what agents report and makes it durable: frames of many agents that arrive together go into one transaction.
// A submit is answered after the commit, so an acknowledged report is never lost.
import { setTimeout as sleep } from 'node:timers/promises';
import { type DesiredTask, type HostId, isTerminal, type TaskId, type TaskReport, type UsageRecord } from '@berth/contract';
import { type BeforeApplicationShutdown, Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { Counter, Histogram } from 'prom-client';
import { DataSource } from 'typeorm';
import { insertUsage } from '../billing/usage-intake.store.js';
import { LOGGER } from '../db/db.module.js';
import { SignalBus } from '../db/signals.js';
import { isDatabaseUnavailable } from '../db/unavailable.js';
import { type Decision, decideReports, type KnownTask } from './reports.js';
import { lockReportedTasks, writeReports } from './reports.store.js';

export interface Submission {
  readonly hostId: HostId;
  readonly reports: readonly TaskReport[];
  readonly usage: readonly UsageRecord[];
}

export interface Receipt {
  /** Tasks that are alive at the agent and ended in the database: it has to stop them. */
  readonly toStop: readonly DesiredTask[];
  /** Tasks that the agent reported as ended. */
  readonly ended: readonly TaskId[];
}

interface Waiting {
  readonly submission: Submission;
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: unknown) => void;
}

const reportsPerTransaction = 2_000;
const retryMs = { first: 100, most: 2_000 };

@Injectable()
export class ReportIntake implements BeforeApplicationShutdown {
  private readonly queue: Waiting[] = [];
  private working: Promise<void> | null = null;
  private stopped = false;

  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(SignalBus) private readonly signals: SignalBus,
  ) {}

  /**
   * Resolves when everything in `submission` is durable. While the database is away it waits; the caller bounds how much
   * it submits meanwhile.
   * @throws Error when the database refuses the content, or when the process shuts down.
   */
  submit(submission: Submission): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      if (this.stopped) return reject(new Error('shutting down'));
      this.queue.push({ submission, resolve, reject });
      this.working ??= this.work().finally(() => {
        this.working = null;
      });
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    await this.working;
    for (const { reject } of this.queue.splice(0)) reject(new Error('shutting down'));
  }

  private async work(): Promise<void> {
    // What arrives in the same turn of the event loop belongs together.
    await Promise.resolve();
    let waitMs = retryMs.first;
    while (this.queue.length > 0 && !this.stopped) {
      if (await this.settle(this.takeGroup())) {
        waitMs = retryMs.first;
      } else {
        await sleep(waitMs);
        waitMs = Math.min(waitMs * 2, retryMs.most);
      }
    }
  }

  private takeGroup(): Waiting[] {
    let size = 0;
    const end = this.queue.findIndex(({ submission }, index) => {
      size += submission.reports.length + submission.usage.length;
      return index > 0 && size > reportsPerTransaction;
    });
    return this.queue.splice(0, end < 0 ? this.queue.length : end);
  }

  /**
   * One agent's bad content must not hold up the others: what fails as a group goes one by one.
   * @returns false if the database is away; what is not done is back at the head of the queue then.
   */
  private async settle(group: readonly Waiting[]): Promise<boolean> {
    try {
      const receipts = await this.commit(group.map(({ submission }) => submission));
      for (const [index, { resolve }] of group.entries()) resolve(receipts[index] ?? { toStop: [], ended: [] });
      return true;
    } catch (err) {
      if (isDatabaseUnavailable(err)) {
        this.logger.warn({ err, frames: group.length }, 'reports wait for the database');
        this.queue.unshift(...group);
        return false;
      }
      if (group.length > 1) return this.settleOneByOne(group);
      group[0]?.reject(err);
      return true;
    }
  }

  private async settleOneByOne(group: readonly Waiting[]): Promise<boolean> {
    for (const [index, one] of group.entries()) {
      if (await this.settle([one])) continue;
      this.queue.splice(1, 0, ...group.slice(index + 1));
      return false;
    }
    return true;
  }

  private async commit(submissions: readonly Submission[]): Promise<Receipt[]> {
    const endTimer = commitSeconds.startTimer();
    const reports = submissions.flatMap(({ hostId, reports }) => reports.map((report) => ({ hostId, report })));
    const usage = submissions.flatMap(({ hostId, usage }) => usage.map((record) => ({ ...record, hostId })));
    const taskIds = [...new Set(reports.map(({ report }) => report.taskId))];
    const { decision, known } = await this.db.transaction(async (manager) => {
      const known = await lockReportedTasks(manager, taskIds);
      const decision = decideReports(known, reports);
      await writeReports(manager, decision);
      await insertUsage(manager, usage);
      return { decision, known };
    });
    endTimer();
    this.announce(decision);
    return this.receipts(submissions, decision, known);
  }

  private announce({ changes }: Decision): void {
    if (changes.length > 0)
      this.signals.send(
        'tasks',
        changes.map(({ report }) => report.taskId),
      );
    // A task that has ended, or has become smaller, leaves room for another.
    if (changes.some(({ report }) => isTerminal(report.state) || report.adjusted)) this.signals.send('pending', null);
  }

  private receipts(submissions: readonly Submission[], { verdicts }: Decision, known: ReadonlyMap<TaskId, KnownTask>): Receipt[] {
    let next = 0;
    return submissions.map(({ hostId, reports }) => {
      const judged = reports.map((report) => ({ report, verdict: verdicts[next++] }));
      const unknown = judged.filter(({ verdict }) => verdict === 'unknown').map(({ report }) => report.taskId);
      unknownTasks.inc(unknown.length);
      if (unknown.length > 0)
        this.logger.warn(
          { hostId, taskIds: unknown.slice(0, 20), count: unknown.length },
          'a host reports tasks that are not its own here; left alone',
        );
      return {
        toStop: judged.flatMap(({ report, verdict }) => (verdict === 'ended' ? stopOrder(report.taskId, known.get(report.taskId)) : [])),
        ended: reports.filter(({ state }) => isTerminal(state)).map(({ taskId }) => taskId),
      };
    });
  }
}

function stopOrder(taskId: TaskId, task: KnownTask | undefined): DesiredTask {
  return { taskId, desired: 'stopped', stopCode: task?.stopCode ?? 'HostLost', reason: task?.stopReason ?? 'the task has ended' };
}

const commitSeconds = new Histogram({
  name: 'berth_reports_commit_seconds',
  help: 'Time to make one group of agents’ reports durable',
  buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
});

const unknownTasks = new Counter({
  name: 'berth_unknown_task_reports_total',
  help: 'Reports of tasks that are not in the database as the reporting host’s',
});
