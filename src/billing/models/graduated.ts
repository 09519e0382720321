// Graduated prices: the more of a dimension in the period, the cheaper (or dearer) what is above a step. The steps count
// the tenant's whole quantity under one rate; each group gets its share of every step, so that no group is "the first".
import type { Cell } from '../cell.js';
import { groupBy } from '../group-by.js';
import { Exact } from '../money.js';
import type { Rate } from '../price-book.js';
import type { RatedLine } from '../rated-line.js';
import { lineOf } from '../rated-lines.js';
import { shareOut } from '../share.js';
import { toBase } from '../units.js';
import { rateFor } from './per-unit.js';
import { spotPrice } from './spot.js';

interface Step {
  readonly price: string;
  readonly quantity: bigint;
}

/** Prices what no other model took. */
export function usageLines(cells: readonly Cell[]): RatedLine[] {
  const byRate = groupBy(cells, (cell) => rateFor(cell.book, cell));
  return [...byRate].flatMap(([rate, part]) => (rate ? linesOfRate(rate, part) : part.map(unpriced)));
}

export function stepsOf(rate: Rate, quantity: bigint): Step[] {
  const edges = [{ above: 0n, price: rate.price }];
  for (const { above, price } of rate.steps ?? []) edges.push({ above: toBase(rate.dimension, above), price });
  return edges.map(({ above, price }, index) => {
    const next = edges[index + 1]?.above ?? quantity;
    const until = next < quantity ? next : quantity;
    return { price, quantity: until > above ? until - above : 0n };
  });
}

function linesOfRate(rate: Rate, cells: readonly Cell[]): RatedLine[] {
  const left = cells.map(({ quantity }) => quantity);
  const total = left.reduce((sum, one) => sum + one, 0n);
  return stepsOf(rate, total).flatMap(({ price, quantity }) =>
    shareOut(quantity, left).flatMap((share, index) => {
      const cell = cells[index] as Cell;
      left[index] = (left[index] as bigint) - share;
      return share === 0n ? [] : [line({ ...cell, quantity: share }, rate, price)];
    }),
  );
}

function line(cell: Cell, rate: Rate, price: string): RatedLine {
  return lineOf(cell, { kind: 'usage', listPrice: new Exact(rate.price), price: spotPrice(cell, rate, price) });
}

function unpriced(cell: Cell): RatedLine {
  return lineOf(cell, { kind: 'free', listPrice: new Exact(0), price: new Exact(0), note: 'the price book has no price for it' });
}
