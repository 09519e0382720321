// Makes lines: the place where a quantity and a price become an amount.
import { bookName, type Cell } from './cell.js';
import { Exact, round } from './money.js';
import type { LineKind, RatedLine } from './rated-line.js';
import { toUnits, units } from './units.js';
import type { Segment } from './usage-sum.js';

interface Priced {
  readonly kind: LineKind;
  readonly listPrice: Exact;
  readonly price: Exact;
  readonly note?: string;
}

export function lineOf(cell: Cell, { kind, listPrice, price, note = '' }: Priced): RatedLine {
  const quantity = toUnits(cell.dimension, cell.quantity);
  return {
    kind,
    dimension: cell.dimension,
    unit: units[cell.dimension].unit,
    quantity: round(quantity).toFixed(),
    listPrice: listPrice.toFixed(),
    price: price.toFixed(),
    listAmount: round(quantity.times(listPrice)).toFixed(),
    amount: round(quantity.times(price)).toFixed(),
    isolation: cell.isolation,
    capacityTier: cell.capacityTier,
    ...cell.group,
    priceBook: bookName(cell.book),
    segment: cell.segment,
    note,
  };
}

export const noGroup = { definition: null, group: null, tags: '{}', userOrKey: null } as const;

/** A line that is money only. */
export function moneyLine(kind: LineKind, amount: Exact, note: string, segment: Segment): RatedLine {
  const text = round(amount).toFixed();
  return {
    ...noGroup,
    kind,
    dimension: null,
    unit: '',
    quantity: '1',
    listPrice: text,
    price: text,
    listAmount: text,
    amount: text,
    isolation: null,
    capacityTier: null,
    priceBook: '',
    segment,
    note,
  };
}
