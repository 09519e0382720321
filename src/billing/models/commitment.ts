// Commitment: an amount is paid for every hour, and buys usage of that hour at a discount. What the hour does not use of it
// is paid all the same, as a line of its own; what it uses more costs the usual price.
import { acrossSegments, type Cell, type Taken } from '../cell.js';
import { groupBy } from '../group-by.js';
import { Exact, lessPercent, round, sumOf } from '../money.js';
import type { RatedLine } from '../rated-line.js';
import { lineOf, moneyLine } from '../rated-lines.js';
import type { Commitment } from '../tenant-contract.js';
import { toUnits } from '../units.js';
import type { Segment } from '../usage-sum.js';
import { pricesOf } from './per-unit.js';

const msPerHour = 3_600_000;

/** @param cells each within one segment, which is at most an hour while a commitment runs (segments.ts) */
export function takeCommitment(cells: readonly Cell[], commitment: Commitment): { taken: Taken[]; rest: Cell[] } {
  const taken: Taken[] = [];
  const rest: Cell[] = [];
  for (const part of groupBy(cells, ({ segment }) => segment.fromMs).values()) {
    const hours = overlapHours(commitment, (part[0] as Cell).segment);
    const cost = part.reduce((sum, cell) => sum.plus(discountedCost(cell, commitment)), new Exact(0));
    const paid = hours.times(commitment.amountPerHour);
    for (const cell of part) {
      const covered = cost.gt(0) && paid.gt(0) && discountedCost(cell, commitment).gt(0) ? coveredOf(cell, paid, cost) : 0n;
      if (covered > 0n) taken.push({ cell: { ...cell, quantity: covered }, note: `commitment: ${commitment.name}` });
      if (covered < cell.quantity) rest.push({ ...cell, quantity: cell.quantity - covered });
    }
  }
  return { taken, rest };
}

/** Less is what roundings leave of a commitment that was used up. */
const leastUnused = '0.000001';

/** The covered usage, and what of the commitment was paid for nothing. Together what was committed to. */
export function commitmentLines(taken: readonly Taken[], commitment: Commitment, period: Segment): RatedLine[] {
  const covered = acrossSegments(taken.map(({ cell }) => cell)).map((cell) => {
    const { listPrice, price } = pricesOf(cell);
    return lineOf(cell, {
      kind: 'usage',
      listPrice,
      price: lessPercent(price.toFixed(), commitment.discountPercent),
      note: `commitment: ${commitment.name}`,
    });
  });
  const hours = overlapHours(commitment, period);
  const unused = round(hours.times(commitment.amountPerHour)).minus(sumOf(covered.map(({ amount }) => amount)));
  if (unused.lt(leastUnused)) return covered;
  return [...covered, moneyLine('commitment', unused, `commitment: ${commitment.name}, not used`, period)];
}

function discountedCost(cell: Cell, { discountPercent }: Commitment): Exact {
  return toUnits(cell.dimension, cell.quantity).times(lessPercent(pricesOf(cell).price.toFixed(), discountPercent));
}

function coveredOf(cell: Cell, paid: Exact, cost: Exact): bigint {
  if (paid.gte(cost)) return cell.quantity;
  return BigInt(new Exact(cell.quantity.toString()).times(paid).div(cost).floor().toFixed());
}

function overlapHours(term: Segment, segment: Segment): Exact {
  const ms = Math.min(term.untilMs, segment.untilMs) - Math.max(term.fromMs, segment.fromMs);
  return new Exact(Math.max(0, ms)).div(msPerHour);
}
