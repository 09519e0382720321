import type { DisruptionWindow } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { type DisruptionGroup, evictionsAllowed, isOpen, minAvailable } from './budget.js';

const at = (instant: string) => Date.parse(instant);
const everyDay = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const window = (from: string, to: string, days: readonly string[] = everyDay, timeZone = 'UTC') =>
  ({ days, from, to, timeZone }) as DisruptionWindow;

describe('how many have to run', () => {
  it.each([
    [null, 10, 0],
    [{ maxPerHour: 1 }, 10, 0],
    [{ minAvailablePercent: 90 }, 10, 9],
    [{ minAvailablePercent: 90 }, 11, 10],
    [{ minAvailablePercent: 100 }, 3, 3],
    [{ maxUnavailable: 2 }, 10, 8],
    [{ maxUnavailable: 20 }, 10, 0],
  ])('%j of %i: %i', (budget, wanted, expected) => {
    expect(minAvailable(budget, wanted)).toBe(expected);
  });
});

describe('windows', () => {
  it.each<[string, DisruptionWindow[] | undefined, string, boolean]>([
    ['none: always', undefined, '2026-11-27T12:00:00Z', true],
    ['within', [window('09:00', '17:00')], '2026-11-27T12:00:00Z', true],
    ['its first minute', [window('09:00', '17:00')], '2026-11-27T09:00:00Z', true],
    ['its end', [window('09:00', '17:00')], '2026-11-27T17:00:00Z', false],
    ['another day (a Friday)', [window('09:00', '17:00', ['mon'])], '2026-11-27T12:00:00Z', false],
    ['over midnight, before it', [window('22:00', '06:00', ['fri'])], '2026-11-27T23:00:00Z', true],
    ['over midnight, after it', [window('22:00', '06:00', ['fri'])], '2026-11-28T05:59:00Z', true],
    ['over midnight, the morning of its own day', [window('22:00', '06:00', ['fri'])], '2026-11-27T05:00:00Z', false],
    ['a whole day', [window('00:00', '00:00', ['fri'])], '2026-11-27T23:59:00Z', true],
    ['in its time zone', [window('22:00', '23:00', everyDay, 'Asia/Tokyo')], '2026-11-27T13:30:00Z', true],
    ['in its time zone, whose day is another', [window('01:00', '02:00', ['sat'], 'Asia/Tokyo')], '2026-11-27T16:30:00Z', true],
    ['by summer time', [window('14:00', '15:00', everyDay, 'Europe/Berlin')], '2026-07-01T12:30:00Z', true],
    ['any of several', [window('01:00', '02:00'), window('12:00', '13:00')], '2026-11-27T12:30:00Z', true],
  ])('%s', (_, windows, instant, expected) => {
    expect(isOpen(windows, at(instant))).toBe(expected);
  });
});

describe('how many may be evicted with nobody in their place', () => {
  const nowMs = at('2026-11-27T12:00:00Z');
  const group = (budget: DisruptionGroup['budget'], more: Partial<DisruptionGroup> = {}): DisruptionGroup => ({
    budget,
    wanted: 10,
    available: 10,
    underWay: 0,
    begunAtMs: [],
    ...more,
  });
  it.each([
    ['as many as may be missing', group({ maxUnavailable: 2 }), 2],
    ['fewer when some are missing', group({ maxUnavailable: 2 }, { available: 9 }), 1],
    ['none when more are missing', group({ minAvailablePercent: 90 }, { available: 7 }), 0],
    ['what is left of the hour', group({ maxPerHour: 3 }, { begunAtMs: [nowMs - 1000, nowMs - 3_700_000] }), 2],
    ['the least of all limits', group({ maxPerHour: 3, maxUnavailable: 1 }), 1],
    ['none outside of its windows', group({ windows: [window('13:00', '14:00')], maxUnavailable: 5 }), 0],
  ])('%s', (_, of, expected) => {
    expect(evictionsAllowed(of, nowMs)).toBe(expected);
  });
});
