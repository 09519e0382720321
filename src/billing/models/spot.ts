// Spot: capacity that may be taken away costs less by the book's percentage, unless the book prices that tier itself.
import type { Cell } from '../cell.js';
import { Exact, lessPercent } from '../money.js';
import type { Rate } from '../price-book.js';

export function spotPrice({ capacityTier, book }: Pick<Cell, 'capacityTier' | 'book'>, rate: Rate, price: string): Exact {
  const discounted = capacityTier === 'spot' && rate.capacityTier === undefined;
  return discounted ? lessPercent(price, book.spotDiscountPercent) : new Exact(price);
}
