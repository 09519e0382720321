// Months as a tenant's calendar has them. Periods follow each other without gap or overlap, whatever happens to the time
// zone: daylight saving time makes some an hour longer or shorter, and so does moving to another zone.
import { Temporal } from 'temporal-polyfill';

export interface BillingPeriod {
  /** `[startsAtMs, endsAtMs)`. */
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly timeZone: string;
}

/** Where a zone changed, what is left of the month may be hours: it goes with the next one. */
const tooShort = { hours: 48 } as const;

/** The month that `ms` is in. */
export function monthOf(ms: number, timeZone: string): BillingPeriod {
  const start = zoned(ms, timeZone).with({ day: 1 }).startOfDay();
  return period(start.epochMilliseconds, nextMonth(start).epochMilliseconds, timeZone);
}

/** The one after a period that ended at `ms`, in the zone that holds now. */
export function monthFrom(ms: number, timeZone: string): BillingPeriod {
  const start = zoned(ms, timeZone);
  return period(ms, nextMonth(start.add(tooShort)).epochMilliseconds, timeZone);
}

/** `2026-11`: the month that most of the period lies in. */
export function nameOf({ startsAtMs, endsAtMs, timeZone }: BillingPeriod): string {
  return zoned((startsAtMs + endsAtMs) / 2, timeZone)
    .toPlainDate()
    .toPlainYearMonth()
    .toString();
}

/** The calendar day, `2026-11-30`, of an instant in a zone. */
export function dayOf(ms: number, timeZone: string): string {
  return zoned(ms, timeZone).toPlainDate().toString();
}

export function isTimeZone(name: string): boolean {
  try {
    zoned(0, name);
    // An offset is no zone: it has no daylight saving time, and people who type one are surprised in March.
    return !/^[+-]/.test(name);
  } catch {
    return false;
  }
}

function nextMonth(at: Temporal.ZonedDateTime): Temporal.ZonedDateTime {
  return at.with({ day: 1 }).startOfDay().add({ months: 1 }).startOfDay();
}

function zoned(ms: number, timeZone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(Math.trunc(ms)).toZonedDateTimeISO(timeZone);
}

function period(startsAtMs: number, endsAtMs: number, timeZone: string): BillingPeriod {
  return { startsAtMs, endsAtMs, timeZone };
}
