// Lines by what a tenant groups its costs by.
import type { Budget } from '@berth/contract';
import { Exact, sumOf } from './money.js';
import type { RatedLine } from './rated-line.js';
import type { UsageGroup } from './usage-sum.js';

/** Which group of `groupBy` (contract's costGroupingSchema) usage is in. Null: in none. */
export function groupKey(usage: UsageGroup, groupBy: string): string | null {
  if (groupBy.startsWith('tag:')) return tagOf(usage, groupBy.slice('tag:'.length));
  if (groupBy === 'definition') return usage.definition;
  return groupBy === 'group' ? usage.group : usage.userOrKey;
}

export function amountsByGroup(lines: Iterable<RatedLine>, groupBy: string): Map<string | null, string> {
  const sums = new Map<string | null, Exact>();
  for (const line of lines) {
    const key = groupKey(line, groupBy);
    sums.set(key, (sums.get(key) ?? new Exact(0)).plus(line.amount));
  }
  return new Map([...sums].map(([key, sum]) => [key, sum.toFixed()]));
}

type Scope = Budget['scope'];

/** Whether a budget counts it. */
export function isInScope(usage: UsageGroup, { definition, group, user, tag }: Scope): boolean {
  if (definition !== undefined && definition !== usage.definition && definition !== usage.definition?.split(':')[0]) return false;
  if (group !== undefined && group !== usage.group) return false;
  if (user !== undefined && user !== usage.userOrKey) return false;
  return tag === undefined || tagOf(usage, tag.key) === tag.value;
}

export function amountInScope(lines: readonly RatedLine[], scope: Scope): string {
  const counted = Object.keys(scope).length === 0 ? lines : lines.filter((line) => isInScope(line, scope));
  return sumOf(counted.map(({ amount }) => amount)).toFixed();
}

function tagOf({ tags }: UsageGroup, key: string): string | null {
  const value: unknown = (JSON.parse(tags) as Record<string, unknown>)[key];
  return typeof value === 'string' ? value : null;
}
