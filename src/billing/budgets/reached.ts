// Which thresholds of a budget are reached.
import { Exact } from '../money.js';

interface Budgeted {
  readonly amount: string;
  readonly thresholds: readonly number[];
  readonly stops_new_work: boolean;
}

export function reachedThresholds({ amount, thresholds }: Budgeted, spent: string): number[] {
  return thresholds.filter((threshold) => new Exact(spent).gte(new Exact(amount).times(threshold).div(100)));
}

/** Whether it stops new work: all of it is spent. */
export function isExhausted({ amount, stops_new_work }: Budgeted, spent: string): boolean {
  return stops_new_work && new Exact(spent).gte(amount);
}
