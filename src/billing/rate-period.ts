// A period's usage becomes lines. Pure: the same sums and contract give the same bytes, in whatever order sums come.
// Models take turns: reservations and commitments, which count by the hour; the free allowance and steps, which count
// over the period; then what is left at its price. docs/billing.md tells it to customers.
import { acrossSegments, type Cell, type Taken, toCells } from './cell.js';
import { groupBy } from './group-by.js';
import { commitmentLines, takeCommitment } from './models/commitment.js';
import { creditLines } from './models/credits.js';
import { discountLines } from './models/discount.js';
import { takeAllowance } from './models/free-allowance.js';
import { usageLines } from './models/graduated.js';
import { faultLine, minimumLine, pricesOf } from './models/per-unit.js';
import { coverByReservations, reservedLines } from './models/reserved.js';
import { Exact, sumOf } from './money.js';
import type { RatedLine } from './rated-line.js';
import { lineOf } from './rated-lines.js';
import { segmentsOf } from './segments.js';
import type { TenantContract } from './tenant-contract.js';
import type { Segment, UsageSum } from './usage-sum.js';

/**
 * @param sums cut where `segmentsOf` says
 * @param period the month, or the part of it that is rated: reservations and commitments are due for all of it.
 * @returns lines in a fixed order; discounts and credits come last.
 */
export function ratePeriod(sums: Iterable<UsageSum>, contract: TenantContract, period: Segment): RatedLine[] {
  const cells = toCells(sums, contract.books);
  const faulted = cells.filter(({ fault }) => fault !== null);
  const minimum = cells.filter(({ fault, purpose }) => fault === null && purpose === 'minimum');
  const used = cells.filter(({ fault, purpose }) => fault === null && purpose === 'used');
  const lines = [
    ...ofUse(used, contract, period),
    ...acrossSegments(minimum).map(minimumLine),
    ...reservedLines(contract, segmentsOf(contract, period)),
    ...acrossSegments(faulted).map(faultLine),
  ];
  return withReductions(lines, contract, period);
}

/** What lines come to, exactly. */
export function totalOf(lines: Iterable<Pick<RatedLine, 'amount'>>): string {
  return sumOf(amounts(lines)).toFixed();
}

function* amounts(lines: Iterable<Pick<RatedLine, 'amount'>>): Generator<string> {
  for (const { amount } of lines) yield amount;
}

function ofUse(used: readonly Cell[], contract: TenantContract, period: Segment): RatedLine[] {
  const reserved = coverByReservations(used, contract.reservations);
  const committed: RatedLine[] = [];
  let left = reserved.rest;
  for (const commitment of [...contract.commitments].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const { taken, rest } = takeCommitment(left, commitment);
    committed.push(...commitmentLines(taken, commitment, period));
    left = rest;
  }
  const free = takeAllowance(acrossSegments(left), contract.books, period);
  return [...usageLines(free.rest), ...committed, ...freeLines(reserved.taken), ...freeLines(free.taken)];
}

function freeLines(taken: readonly Taken[]): RatedLine[] {
  const byNote = groupBy(taken, ({ note }) => note);
  return [...byNote].flatMap(([note, part]) =>
    acrossSegments(part.map(({ cell }) => cell)).map((cell) =>
      lineOf(cell, { kind: 'free', listPrice: pricesOf(cell).listPrice, price: new Exact(0), note }),
    ),
  );
}

function withReductions(lines: readonly RatedLine[], contract: TenantContract, period: Segment): RatedLine[] {
  const discounts = discountLines(sumOf(amounts(lines)), contract.discountPercent, period);
  const before = [...lines, ...discounts];
  return [...before, ...creditLines(sumOf(amounts(before)), contract.credits, period)];
}
