// Credits: money that is used up before the tenant pays. The one that ends first goes first.
import { Exact } from '../money.js';
import type { RatedLine } from '../rated-line.js';
import { moneyLine } from '../rated-lines.js';
import type { Credit } from '../tenant-contract.js';
import type { Segment } from '../usage-sum.js';

/** @param total what is to be paid before credits; never made negative. */
export function creditLines(total: Exact, credits: readonly Credit[], period: Segment): RatedLine[] {
  let left = total;
  return [...credits].sort(endingFirst).flatMap((credit) => {
    const valid = credit.fromMs < period.untilMs && (credit.untilMs ?? Number.POSITIVE_INFINITY) > period.fromMs;
    const used = valid ? Exact.max(0, Exact.min(left, credit.amount)) : new Exact(0);
    left = left.minus(used);
    return used.isZero() ? [] : [{ ...moneyLine('credit', used.negated(), `credit: ${credit.name}`, period) }];
  });
}

function endingFirst(a: Credit, b: Credit): number {
  const [endA, endB] = [a.untilMs ?? Number.MAX_SAFE_INTEGER, b.untilMs ?? Number.MAX_SAFE_INTEGER];
  if (endA !== endB) return endA - endB;
  return a.id < b.id ? -1 : 1;
}
