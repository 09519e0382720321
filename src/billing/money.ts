// Exact decimals, and the one rounding of the platform. Everything before it is whole numbers or exact products.
import { Decimal } from 'decimal.js';

// 80 digits: a quotient that is no tie stays none, because our divisors are far smaller than 10^60.
export const Exact = Decimal.clone({ precision: 80, rounding: Decimal.ROUND_HALF_EVEN, toExpNeg: -1e9, toExpPos: 1e9 });
export type Exact = Decimal;

/** Half-even to 12 decimals: a trillionth of a dollar. */
export function round(value: Decimal): Decimal {
  return value.toDecimalPlaces(12, Decimal.ROUND_HALF_EVEN);
}

export function sumOf(amounts: Iterable<string>): Decimal {
  let sum = new Exact(0);
  for (const amount of amounts) sum = sum.plus(amount);
  return sum;
}

/** What is left of a price after so many per cent. Exact: both are finite decimals. */
export function lessPercent(price: string, percent: string): Decimal {
  return new Exact(price).times(new Exact(100).minus(percent)).div(100);
}
