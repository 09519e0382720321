// Lines as people read them: grouped by service, tag, user, …, and within a group one line for each price, whatever else
// told its parts apart.
import { Exact } from '../money.js';
import type { InvoiceLine } from './invoice-line.js';

/** What a group's line keeps of those it sums up. */
export type MergedLine = Omit<InvoiceLine, 'definition' | 'group' | 'tags' | 'userOrKey' | 'segment'>;

export interface LineGroup {
  /** Null: what has no such tag, service, … */
  readonly name: string | null;
  readonly amount: string;
  readonly lines: readonly MergedLine[];
}

/** @param groupBy `service`, `definition`, `user`, `dimension` or `tag:KEY`. */
export class LineGrouping {
  private readonly groups = new Map<string | null, Map<string, MergedLine>>();

  constructor(private readonly groupBy: string) {}

  add(line: InvoiceLine): void {
    const name = nameOf(line, this.groupBy);
    const lines = this.groups.get(name) ?? new Map<string, MergedLine>();
    this.groups.set(name, lines);
    const { definition: _d, group: _g, tags: _t, userOrKey: _u, segment: _s, ...merged } = line;
    const key = JSON.stringify([order(merged), merged.isolation, merged.capacityTier, merged.price, merged.listPrice, merged.note]);
    const before = lines.get(key);
    lines.set(key, before ? sumOf(before, merged) : merged);
  }

  /** By name, with what has none last. */
  result(): LineGroup[] {
    return [...this.groups]
      .sort(([a], [b]) => Number(a === null) - Number(b === null) || compare(a ?? '', b ?? ''))
      .map(([name, merged]) => {
        const lines = [...merged].sort(([a], [b]) => compare(a, b)).map(([, line]) => line);
        const amount = lines.reduce((sum, line) => sum.plus(line.amount), new Exact(0));
        return { name, amount: amount.toFixed(), lines };
      });
  }
}

export function groupLines(lines: Iterable<InvoiceLine>, groupBy: string): LineGroup[] {
  const grouping = new LineGrouping(groupBy);
  for (const line of lines) grouping.add(line);
  return grouping.result();
}

function nameOf(line: InvoiceLine, groupBy: string): string | null {
  if (groupBy === 'service') return line.group ?? line.definition?.replace(/:\d+$/, '') ?? null;
  if (groupBy === 'definition') return line.definition;
  if (groupBy === 'user') return line.userOrKey;
  if (groupBy === 'dimension') return line.dimension;
  const tags = JSON.parse(line.tags || '{}') as Record<string, string>;
  const key = groupBy.slice('tag:'.length);
  return Object.hasOwn(tags, key) ? (tags[key] ?? null) : null;
}

const dimensionOrder = ['cpu', 'memory', 'disk', 'gpu', 'volume', 'egress', 'address'];
const kindOrder = ['usage', 'minimum', 'free', 'reserved', 'commitment', 'discount', 'credit'];

/** This month before corrections of others; then as one would read them. */
function order({ corrects, kind, dimension, unit, priceBook }: MergedLine): string {
  const place = dimension === null ? dimensionOrder.length : dimensionOrder.indexOf(dimension);
  return [corrects ?? '', kindOrder.indexOf(kind), place, unit, priceBook].join(' ');
}

function sumOf(a: MergedLine, b: MergedLine): MergedLine {
  const plus = (x: string, y: string) => new Exact(x).plus(y).toFixed();
  return {
    ...a,
    quantity: plus(a.quantity, b.quantity),
    listAmount: plus(a.listAmount, b.listAmount),
    amount: plus(a.amount, b.amount),
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
