// What work would cost, before it is run. Prices of now, without what belongs to the whole bill.
import type { Quote, TenantId } from '@berth/contract';
import { Inject, Injectable } from '@nestjs/common';
import { bookAt, bookName } from './cell.js';
import { contractOf } from './contract-of.js';
import { ContractsStore } from './contracts.store.js';
import { pricesOnly } from './plain-contract.js';
import { ratePeriod, totalOf } from './rate-period.js';
import type { Planned } from './task-usage.js';
import type { UsageSum } from './usage-sum.js';
import { type SummedUse, toUsageSums } from './usage-sums.js';

@Injectable()
export class QuotesService {
  constructor(@Inject(ContractsStore) private readonly contracts: ContractsStore) {}

  async quote(tenantId: TenantId, planned: Planned): Promise<Quote> {
    const nowMs = Date.now();
    const segment = { fromMs: nowMs, untilMs: nowMs + 1 };
    const contract = pricesOnly(contractOf(await this.contracts.partsOf(tenantId, nowMs), segment));
    const book = bookAt(contract.books, nowMs);
    const use = (ms: number, purpose: SummedUse['purpose'], egress = 0n): UsageSum[] => {
      const taskMs = BigInt(ms) * BigInt(planned.count);
      const sizes = { taskMs, cpu: taskMs * BigInt(planned.cpuMillis), memory: taskMs * BigInt(planned.memoryMiB) };
      const base = { ...planned.holding, ...sizes, tenantId, purpose, egress, fault: null, segment };
      return toUsageSums(base, contract.books);
    };
    const lack = Math.max(0, book.minimumMs - planned.durationMs);
    const sums = [...use(planned.durationMs, 'used', planned.egressBytes * BigInt(planned.count)), ...use(lack, 'minimum')];
    const lines = ratePeriod(sums, contract, segment);
    return {
      currency: contract.currency,
      perHour: totalOf(ratePeriod(use(3_600_000, 'used'), contract, segment)),
      total: totalOf(lines),
      priceBook: bookName(book),
      lines: lines.flatMap(({ kind, dimension, quantity, unit, price, amount }) =>
        (kind === 'usage' || kind === 'minimum') && dimension ? [{ kind, dimension, quantity, unit, price, amount }] : [],
      ),
    };
  }
}
