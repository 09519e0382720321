// What one task costs: its records and the part still open, by the price book of the time.
import { isBilled, isId, isTerminal, type TaskCost, type TaskId, type TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { notFound } from '../errors.js';
import { openInterval } from './open-usage.js';
import { PriceBooksStore } from './price-books.store.js';
import { type PriceBook, pricePerHour, rate, type UsageInterval } from './rate.js';
import { UsageStore } from './usage.store.js';

@Injectable()
export class CostService {
  constructor(
    @Inject(UsageStore) private readonly usage: UsageStore,
    @Inject(PriceBooksStore) private readonly priceBooks: PriceBooksStore,
  ) {}

  /** @throws ApiError not_found */
  async ofTask(tenantId: TenantId, id: string): Promise<TaskCost> {
    const task = isId(id) ? await this.usage.findTask(tenantId, id as TaskId) : null;
    if (!task) throw notFound('task', id);
    const [records, books] = await Promise.all([this.usage.listIntervals(task.id), this.priceBooks.list()]);
    const open = openInterval(task, latestEnd(records), Date.now());
    const intervals = open ? [...records, open] : records;
    const billed = task.stopCode === null || isBilled(task.stopCode);
    const rated = rate(billed ? intervals : [], books);
    const live = !isTerminal(task.state);
    const book = rated.books.at(-1) ?? bookAt(books, task.startedAtMs ?? task.createdAtMs);
    return {
      taskId: task.id,
      currency: book.currency,
      total: rated.total,
      live,
      perHour: live ? pricePerHour(task, book) : '0',
      durationMs: rated.durationMs,
      unbilledMs: billed ? 0 : totalMs(intervals),
      priceBook: (rated.books.length > 0 ? rated.books : [book]).map(({ name, version }) => `${name}:${version}`).join(', '),
      lines: [...rated.lines],
    };
  }
}

function latestEnd(intervals: readonly UsageInterval[]): number | null {
  return intervals.reduce<number | null>((latest, one) => Math.max(latest ?? one.endMs, one.endMs), null);
}

function totalMs(intervals: readonly UsageInterval[]): number {
  return intervals.reduce((sum, one) => sum + (one.endMs - one.startMs), 0);
}

function bookAt(books: readonly PriceBook[], ms: number): PriceBook {
  const book = books.findLast((one) => one.startsAtMs <= ms);
  if (!book) throw new Error('There is no price book for this time.');
  return book;
}
