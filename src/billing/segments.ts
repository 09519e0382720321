// Where a tenant's period is cut before usage is summed: wherever one of its prices changes, and at every hour while it has
// commitments or reservations, because those are used up or lost by the hour.
import type { TenantContract } from './tenant-contract.js';
import type { Segment } from './usage-sum.js';

const msPerHour = 3_600_000;

/** In order, abutting, together the period. Terms of a contract begin and end on a full hour of the tenant's time zone. */
export function segmentsOf({ books, commitments, reservations }: TenantContract, { fromMs, untilMs }: Segment): Segment[] {
  const cuts = new Set([fromMs, untilMs]);
  for (const book of books) cuts.add(book.fromMs);
  for (const term of [...commitments, ...reservations]) {
    const last = Math.min(term.untilMs, untilMs);
    for (let at = firstHour(term.fromMs, fromMs); at <= last; at += msPerHour) cuts.add(at);
    cuts.add(term.untilMs);
  }
  const inside = [...cuts].filter((at) => at >= fromMs && at <= untilMs).sort((a, b) => a - b);
  return inside.slice(1).map((until, index) => ({ fromMs: inside[index] as number, untilMs: until }));
}

/** The first full hour of a term that is in the period, counted from the term's own start. */
function firstHour(termFromMs: number, fromMs: number): number {
  return termFromMs + Math.max(0, Math.ceil((fromMs - termFromMs) / msPerHour)) * msPerHour;
}
