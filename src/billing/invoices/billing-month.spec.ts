import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dayOf, isTimeZone, monthFrom, monthOf, nameOf } from './billing-month.js';

const at = (text: string) => Date.parse(text);
const shown = ({ startsAtMs, endsAtMs }: { startsAtMs: number; endsAtMs: number }) =>
  [startsAtMs, endsAtMs].map((ms) => new Date(ms).toISOString());
const hours = ({ startsAtMs, endsAtMs }: { startsAtMs: number; endsAtMs: number }) => (endsAtMs - startsAtMs) / 3_600_000;

describe('a month', () => {
  it.each([
    ['UTC', '2026-11-15T12:00:00Z', ['2026-11-01T00:00:00.000Z', '2026-12-01T00:00:00.000Z'], 720],
    ['Europe/Berlin', '2026-10-31T23:30:00Z', ['2026-10-31T23:00:00.000Z', '2026-11-30T23:00:00.000Z'], 720],
    ['Europe/Berlin', '2026-03-15T00:00:00Z', ['2026-02-28T23:00:00.000Z', '2026-03-31T22:00:00.000Z'], 743],
    ['Europe/Berlin', '2026-10-15T00:00:00Z', ['2026-09-30T22:00:00.000Z', '2026-10-31T23:00:00.000Z'], 745],
    ['America/New_York', '2026-12-01T04:59:59Z', ['2026-11-01T04:00:00.000Z', '2026-12-01T05:00:00.000Z'], 721],
    ['Asia/Kolkata', '2028-02-10T00:00:00Z', ['2028-01-31T18:30:00.000Z', '2028-02-29T18:30:00.000Z'], 696],
  ])('in %s, with %s', (zone, instant, expected, length) => {
    const month = monthOf(at(instant), zone);
    expect(shown(month)).toEqual(expected);
    expect(hours(month)).toBe(length);
  });

  it('is followed by the next', () => {
    const november = monthOf(at('2026-11-15T00:00:00Z'), 'UTC');
    expect(shown(monthFrom(november.endsAtMs, 'UTC'))).toEqual(['2026-12-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z']);
    expect(nameOf(november)).toBe('2026-11');
  });

  it('takes up the hours by which a new time zone differs', () => {
    const inUtc = monthOf(at('2026-11-15T00:00:00Z'), 'UTC');
    const west = monthFrom(inUtc.endsAtMs, 'America/New_York');
    expect(shown(west)).toEqual(['2026-12-01T00:00:00.000Z', '2027-01-01T05:00:00.000Z']);
    expect(nameOf(west)).toBe('2026-12');
    const east = monthFrom(inUtc.endsAtMs, 'Asia/Tokyo');
    expect(shown(east)).toEqual(['2026-12-01T00:00:00.000Z', '2026-12-31T15:00:00.000Z']);
    expect(dayOf(east.startsAtMs, 'Asia/Tokyo')).toBe('2026-12-01');
  });

  it('knows time zones, and takes no offset for one', () => {
    expect(['UTC', 'Europe/Berlin', 'Asia/Kolkata'].map(isTimeZone)).toEqual([true, true, true]);
    expect(['', '+01:00', 'Europe/Nowhere', 'CEST!', '../etc'].map(isTimeZone)).toEqual([false, false, false, false, false]);
  });
});

const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Pacific/Apia', 'Asia/Kolkata', 'Australia/Lord_Howe');

describe('properties', () => {
  it('a month contains its instant, and starts and ends at the first of a month', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: at('2100-01-01T00:00:00Z') }), zones, (ms, zone) => {
        const month = monthOf(ms, zone);
        expect(month.startsAtMs <= ms && ms < month.endsAtMs).toBe(true);
        expect([month.startsAtMs, month.endsAtMs].map((one) => dayOf(one, zone).slice(8))).toEqual(['01', '01']);
      }),
    );
  });

  it('periods follow each other and are about a month long, however often the zone changes', () => {
    fc.assert(
      fc.property(fc.array(zones, { minLength: 2, maxLength: 15 }), ([first = 'UTC', ...more]) => {
        let period = monthOf(at('2026-01-10T00:00:00Z'), first);
        for (const zone of more) {
          const next = monthFrom(period.endsAtMs, zone);
          expect(next.startsAtMs).toBe(period.endsAtMs);
          expect(hours(next)).toBeGreaterThan(26 * 24);
          expect(hours(next)).toBeLessThan(33 * 24);
          period = next;
        }
      }),
    );
  });
});
