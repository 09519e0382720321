// Sharing a whole number out by weight, without a remainder, and the same way in whatever order.
import type { Cell, Taken } from './cell.js';

/** Takes up to `available` of the cells, from each in proportion. */
export function takeFrom(cells: readonly Cell[], available: bigint, note: string): { taken: Taken[]; rest: Cell[] } {
  const used = cells.reduce((sum, { quantity }) => sum + quantity, 0n);
  const shares = shareOut(
    available > used ? used : available,
    cells.map(({ quantity }) => quantity),
  );
  const parts = cells.map((cell, index) => ({ cell, share: shares[index] ?? 0n }));
  return {
    taken: parts.flatMap(({ cell, share }) => (share > 0n ? [{ cell: { ...cell, quantity: share }, note }] : [])),
    rest: parts.flatMap(({ cell, share }) => (share < cell.quantity ? [{ ...cell, quantity: cell.quantity - share }] : [])),
  };
}

/**
 * Largest remainder: each gets its part rounded down, and what is left goes by ones to those that were cut most; among
 * equals the first.
 * @param total at most the sum of the weights, so that nobody gets more than its weight.
 */
export function shareOut(total: bigint, weights: readonly bigint[]): bigint[] {
  const sum = weights.reduce((all, one) => all + one, 0n);
  if (sum === 0n) return weights.map(() => 0n);
  const shares = weights.map((weight) => (total * weight) / sum);
  const left = Number(total - shares.reduce((all, one) => all + one, 0n));
  const byCut = weights.map((weight, index) => ({ index, cut: (total * weight) % sum })).sort(byCutThenIndex);
  for (const { index } of byCut.slice(0, left)) shares[index] = (shares[index] ?? 0n) + 1n;
  return shares;
}

function byCutThenIndex(a: { index: number; cut: bigint }, b: { index: number; cut: bigint }): number {
  if (a.cut !== b.cut) return a.cut > b.cut ? -1 : 1;
  return a.index - b.index;
}
