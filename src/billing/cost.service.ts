// What one task costs: its records and the part still open, by the prices of the time. What belongs to the whole bill
// (allowances, steps, commitments, discount) is not in it.
import { isBilled, isId, isTerminal, type TaskCost, type TaskId, type TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { notFound } from '../errors.js';
import { bookAt, bookName } from './cell.js';
import { contractOf } from './contract-of.js';
import { ContractsStore } from './contracts.store.js';
import { openInterval } from './open-usage.js';
import { pricesOnly } from './plain-contract.js';
import { ratePeriod, totalOf } from './rate-period.js';
import { segmentsOf } from './segments.js';
import { hourOfTask, missingOfTask, sumsOfTask, type TaskHolding, type TaskInterval } from './task-usage.js';
import type { TenantContract } from './tenant-contract.js';
import { type MeteredTask, UsageStore } from './usage.store.js';
import type { Segment } from './usage-sum.js';
import { toUsageSums } from './usage-sums.js';

@Injectable()
export class CostService {
  constructor(
    @Inject(UsageStore) private readonly usage: UsageStore,
    @Inject(ContractsStore) private readonly contracts: ContractsStore,
  ) {}

  /** @throws ApiError not_found */
  async ofTask(tenantId: TenantId, id: string): Promise<TaskCost> {
    const task = isId(id) ? await this.usage.findTask(tenantId, id as TaskId) : null;
    if (!task) throw notFound('task', id);
    const nowMs = Date.now();
    const [records, parts] = await Promise.all([this.usage.listIntervals(task.id), this.contracts.partsOf(tenantId, nowMs)]);
    const open = openInterval(task, latestEnd(records.filter(({ pull }) => !pull)), nowMs);
    const intervals = open ? [...records, { ...open, ...sizeOf(task), pull: false, egressBytes: 0 }] : records;
    const period = periodOf(task, intervals, nowMs);
    return costOf(task, intervals, pricesOnly(contractOf(parts, period)), period);
  }

  /** What `count` tasks like this cost in an hour, by the prices of now. */
  async hourOf(
    holding: TaskHolding & { readonly tenantId: TenantId },
    size: Pick<MeteredTask, 'cpuMillis' | 'memoryMiB'>,
    count: number,
  ): Promise<{ currency: string; perHour: string; priceBook: string }> {
    const untilMs = Date.now();
    const period = { fromMs: untilMs - 1, untilMs };
    const contract = pricesOnly(contractOf(await this.contracts.partsOf(holding.tenantId, untilMs), period));
    const uses = Array.from({ length: count }, () => hourOfTask(holding, { ...size, frozen: false }, period));
    const lines = ratePeriod(
      uses.flatMap((use) => toUsageSums(use, contract.books)),
      contract,
      period,
    );
    return { currency: contract.currency, perHour: totalOf(lines), priceBook: bookName(bookAt(contract.books, period.fromMs)) };
  }
}

function costOf(task: MeteredTask, intervals: readonly TaskInterval[], contract: TenantContract, period: Segment): TaskCost {
  const billed = task.stopCode === null || isBilled(task.stopCode);
  const live = !isTerminal(task.state);
  const lines = billed ? ratePeriod(sumsOf(task, intervals, contract, period), contract, period) : [];
  const ranMs = totalMs(intervals.filter(({ pull }) => !pull));
  const books = [...new Set(lines.map(({ priceBook }) => priceBook))];
  return {
    taskId: task.id,
    currency: contract.currency,
    total: totalOf(lines),
    live,
    perHour: live ? hourly(task, contract, period) : '0',
    durationMs: billed ? ranMs : 0,
    unbilledMs: billed ? 0 : ranMs,
    priceBook: (books.length > 0 ? books : [bookName(bookAt(contract.books, period.fromMs))]).join(', '),
    lines: lines
      .filter(({ kind }) => kind !== 'free')
      .map(({ dimension, quantity, unit, price, amount }) => ({ dimension: dimension ?? '', quantity, unit, price, amount })),
  };
}

function sumsOf(task: MeteredTask, intervals: readonly TaskInterval[], contract: TenantContract, period: Segment) {
  const segments = segmentsOf(contract, period);
  const last = segments.at(-1) as Segment;
  const minimumMs = isTerminal(task.state) ? bookAt(contract.books, last.fromMs).minimumMs : 0;
  const missing = missingOfTask(task.holding, intervals, minimumMs, last);
  return [...sumsOfTask(task.holding, intervals, segments, contract.books), ...(missing ? toUsageSums(missing, contract.books) : [])];
}

function hourly(task: MeteredTask, contract: TenantContract, { untilMs }: Segment): string {
  const segment = { fromMs: untilMs - 1, untilMs };
  return totalOf(ratePeriod(toUsageSums(hourOfTask(task.holding, sizeOf(task), segment), contract.books), contract, segment));
}

function sizeOf({ cpuMillis, memoryMiB, frozen }: MeteredTask) {
  return { cpuMillis, memoryMiB, frozen };
}

/** All that was used, and a price if nothing was. */
function periodOf(task: MeteredTask, intervals: readonly TaskInterval[], nowMs: number): Segment {
  const fromMs = Math.min(task.startedAtMs ?? task.createdAtMs, ...intervals.map(({ startMs }) => startMs));
  return { fromMs, untilMs: Math.max(isTerminal(task.state) ? fromMs + 1 : nowMs, fromMs + 1, latestEnd(intervals) ?? 0) };
}

function latestEnd(intervals: readonly TaskInterval[]): number | null {
  return intervals.reduce<number | null>((latest, one) => Math.max(latest ?? one.endMs, one.endMs), null);
}

function totalMs(intervals: readonly TaskInterval[]): number {
  return intervals.reduce((sum, one) => sum + (one.endMs - one.startMs), 0);
}
