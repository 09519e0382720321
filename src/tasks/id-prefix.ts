// The beginning of an id, as people type it, as a range that the primary key's index can search.
import { isId } from '@berth/contract';

const lowest = '00000000-0000-0000-0000-000000000000';
const highest = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** @returns the least and the greatest id that begin so; null when no id can. */
export function idRange(prefix: string): { from: string; to: string } | null {
  const from = prefix + lowest.slice(prefix.length);
  return isId(from) ? { from, to: prefix + highest.slice(prefix.length) } : null;
}
