// The beginning of an id, as people type it, as a range that the primary key's index can search.

const lowest = '00000000-0000-0000-0000-000000000000';
const highest = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** @returns the least and the greatest id that begin so; null when no id can. */
export function idRange(prefix: string): { from: string; to: string } | null {
  const from = prefix + lowest.slice(prefix.length);
  return uuid.test(from) ? { from, to: prefix + highest.slice(prefix.length) } : null;
}
