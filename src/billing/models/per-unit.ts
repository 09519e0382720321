// The plain model: a quantity times the price that the book has for its tiers.
import type { Cell } from '../cell.js';
import { Exact } from '../money.js';
import type { PriceBook, Rate } from '../price-book.js';
import type { RatedLine } from '../rated-line.js';
import { lineOf } from '../rated-lines.js';
import { spotPrice } from './spot.js';

type Asked = Pick<Cell, 'dimension' | 'isolation' | 'capacityTier'>;

/** @returns null when the book has no price: it costs nothing. Of rates that fit, the one that says most; isolation first. */
export function rateFor(book: PriceBook, { dimension, isolation, capacityTier }: Asked): Rate | null {
  const fits = book.rates.filter(
    (rate) =>
      rate.dimension === dimension && (rate.isolation ?? isolation) === isolation && (rate.capacityTier ?? capacityTier) === capacityTier,
  );
  const says = (rate: Rate) => (rate.isolation ? 2 : 0) + (rate.capacityTier ? 1 : 0);
  return fits.reduce<Rate | null>((best, rate) => (best && says(best) >= says(rate) ? best : rate), null);
}

/** Of one unit: by the list, and for this capacity tier. Of graduated rates the first step. */
export function pricesOf(cell: Cell): { listPrice: Exact; price: Exact } {
  const rate = rateFor(cell.book, cell);
  return { listPrice: new Exact(rate?.price ?? '0'), price: rate ? spotPrice(cell, rate, rate.price) : new Exact(0) };
}

/** What the platform's fault cost the tenant, shown and not charged. */
export function faultLine(cell: Cell): RatedLine {
  return lineOf(cell, { kind: 'free', listPrice: pricesOf(cell).listPrice, price: new Exact(0), note: `platform fault: ${cell.fault}` });
}

/** The rest of the shortest time that is billed. */
export function minimumLine(cell: Cell): RatedLine {
  return lineOf(cell, { kind: 'minimum', ...pricesOf(cell), note: 'minimum duration' });
}
