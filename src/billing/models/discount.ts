// A tenant's own discount: so many per cent off everything but credits, as one line.
import type { Exact } from '../money.js';
import type { RatedLine } from '../rated-line.js';
import { moneyLine } from '../rated-lines.js';
import type { Segment } from '../usage-sum.js';

export function discountLines(total: Exact, discountPercent: string, period: Segment): RatedLine[] {
  const off = total.times(discountPercent).div(100);
  return off.isZero() ? [] : [moneyLine('discount', off.negated(), `discount of ${discountPercent} %`, period)];
}
