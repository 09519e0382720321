// What may be agreed, and when it begins and ends. Months that are closed are not agreed about any more.
import type { ContractTermKind, ContractTermView, ContractView } from '@berth/contract';
import { ApiError } from '../../errors.js';
import { canonicalJson } from '../../tasks/canonical-json.js';
import { fullHourFrom } from '../contract-of.js';
import { monthOf } from '../invoices/billing-month.js';
import { Exact, sumOf } from '../money.js';
import type { ContractTermRow } from './contract-terms.store.js';

export interface Calendar {
  readonly nowMs: number;
  readonly timeZone: string;
  /** When the open month began. */
  readonly openMonth: Date;
}

/** @param openMonth null: none was opened yet; then it is this month. */
export function calendarAt(nowMs: number, { timeZone, openMonth }: { timeZone: string; openMonth: Date | null }): Calendar {
  return { nowMs, timeZone, openMonth: openMonth ?? new Date(monthOf(nowMs, timeZone).startsAtMs) };
}

export interface AskedSpan {
  readonly startsAt?: string | undefined;
  readonly endsAt: string | null;
}

/** @throws ApiError invalid_request */
export function spanOf(kind: ContractTermKind, asked: AskedSpan, calendar: Calendar): { startsAt: Date; endsAt: Date | null } {
  const startsAt = instantOf(asked.startsAt ?? new Date(calendar.nowMs).toISOString(), kind, calendar);
  const endsAt = asked.endsAt === null ? null : instantOf(asked.endsAt, kind, calendar);
  if (endsAt && endsAt <= startsAt) throw invalid('endsAt', `must be later than its start, ${startsAt.toISOString()}`);
  return { startsAt, endsAt };
}

/** @throws ApiError invalid_request */
export function endOf({ kind, starts_at, ends_at }: ContractTermRow, asked: string | undefined, calendar: Calendar): Date {
  const endsAt = instantOf(asked ?? new Date(calendar.nowMs).toISOString(), kind, calendar);
  if (ends_at && endsAt > ends_at) throw invalid('endsAt', `must not be later than it ends anyway, ${ends_at.toISOString()}`);
  if (endsAt <= starts_at)
    throw invalid('endsAt', `must be later than its start, ${starts_at.toISOString()}; delete it if it is not to count`);
  notBeforeOpenMonth('endsAt', endsAt, calendar);
  return endsAt;
}

/** Commitments and reservations are counted by the hour, so they begin and end on a full one. */
function instantOf(text: string, kind: ContractTermKind, { timeZone }: Calendar): Date {
  const ms = Date.parse(text);
  return new Date(kind === 'commitment' || kind === 'reservation' ? fullHourFrom(ms, timeZone) : ms);
}

/** @throws ApiError invalid_request: closed months are not agreed about any more */
export function notBeforeOpenMonth(field: string, at: Date, { openMonth }: Pick<Calendar, 'openMonth'>): void {
  if (at < openMonth) throw invalid(field, `must not be before the open month, which began at ${openMonth.toISOString()}`);
}

function invalid(field: string, what: string): ApiError {
  return new ApiError('invalid_request', { detail: `${field} ${what}.` }, { field });
}

/** Whether both say the same, so that asking twice is asking once. */
export function isSameTerm(
  before: ContractTermRow,
  asked: { readonly startsAt: Date; readonly endsAt: Date | null; readonly terms: object },
): boolean {
  const instant = (at: Date | null) => at?.getTime() ?? null;
  if (before.starts_at.getTime() !== asked.startsAt.getTime() || instant(before.ends_at) !== instant(asked.endsAt)) return false;
  return canonicalJson(before.terms) === canonicalJson(asked.terms);
}

export function toApiTerm(row: ContractTermRow): ContractTermView {
  const span = {
    id: row.id,
    name: row.name,
    startsAt: row.starts_at.toISOString(),
    endsAt: row.ends_at?.toISOString() ?? null,
    createdAt: row.created_at.toISOString(),
  };
  const terms = row.terms as Record<string, never>;
  if (row.kind !== 'credit') return { ...terms, kind: row.kind, ...span } as unknown as ContractTermView;
  const amount = String(row.terms.amount);
  const used = sumOf(row.uses.map((use) => use.amount));
  const uses = row.uses.map(({ month, amount: taken }) => ({ monthStartsAt: new Date(month).toISOString(), amount: taken }));
  return { kind: 'credit', ...span, amount, left: new Exact(amount).minus(used).toFixed(), uses };
}

/** Apart by kind, as a contract shows them. */
export function termsByKind(rows: readonly ContractTermRow[]): Pick<ContractView, 'commitments' | 'reservations' | 'credits'> {
  const terms = rows.map(toApiTerm);
  return {
    commitments: terms.filter((term) => term.kind === 'commitment'),
    reservations: terms.filter((term) => term.kind === 'reservation'),
    credits: terms.filter((term) => term.kind === 'credit'),
  };
}
