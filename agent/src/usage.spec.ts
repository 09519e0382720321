import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closeUsage, cutUsage, dueCuts, endUsage, newMeter, openUsage, pullUsage, type UsageInterval, type UsageMeter } from './usage.js';

const closeAt = (meter: UsageMeter, atMs: number) => closeUsage(endUsage(meter, atMs));

describe('a usage meter', () => {
  it('yields nothing before the first process runs', () => {
    expect(closeAt(newMeter, 5).closed).toBeNull();
    expect(cutUsage(newMeter, 5).closed).toBeNull();
  });

  it('runs from the first opening only', () => {
    expect(openUsage(openUsage(newMeter, 10), 20).openFromMs).toBe(10);
  });

  it('never runs again after its end', () => {
    const ended = closeAt(openUsage(newMeter, 10), 20).meter;
    expect(openUsage(ended, 30)).toEqual(ended);
  });

  it('takes an end before the start for the start', () => {
    expect(closeAt(openUsage(newMeter, 10), 3).closed).toEqual({ sequence: 0, startedAtMs: 10, endedAtMs: 10 });
  });

  it('makes no empty interval by cutting', () => {
    const meter = openUsage(newMeter, 10);
    expect(cutUsage(meter, 10)).toEqual({ meter, closed: null });
  });

  it('is neither cut nor ended again once its end is known', () => {
    const ended = endUsage(openUsage(newMeter, 10), 20);
    expect(cutUsage(ended, 30)).toEqual({ meter: ended, closed: null });
    expect(endUsage(ended, 40)).toBe(ended);
    expect(dueCuts(ended, 900_000, 60_000)).toEqual([]);
    expect(closeUsage(ended).closed).toEqual({ sequence: 0, startedAtMs: 10, endedAtMs: 20 });
  });

  it('takes pulls before the first process as intervals of their own, and none later', () => {
    const pulled = pullUsage(pullUsage(newMeter, 1, 4).meter, 5, 9);
    expect(pulled.closed).toEqual({ sequence: 1, startedAtMs: 5, endedAtMs: 9, pull: true });
    expect(pullUsage(pulled.meter, 9, 9)).toEqual({ meter: pulled.meter, closed: null });
    const opened = openUsage(openUsage(pulled.meter, 20), 12);
    expect(opened.openFromMs).toBe(12);
    expect(pullUsage(opened, 13, 15)).toEqual({ meter: opened, closed: null });
    const { meter, closed } = closeAt(opened, 30);
    expect(closed).toEqual({ sequence: 2, startedAtMs: 12, endedAtMs: 30 });
    expect(openUsage(meter, 31)).toEqual(meter);
    expect(pullUsage(meter, 31, 33).closed).toBeNull();
  });

  it.each([
    { nowMs: 1000, cuts: [] },
    { nowMs: 60_000 + 4_999, cuts: [] },
    { nowMs: 60_000 + 5_000, cuts: [60_000] },
    { nowMs: 125_000, cuts: [60_000, 120_000] },
  ])('is due to be cut at $cuts when it is $nowMs', ({ nowMs, cuts }) => {
    expect(dueCuts(openUsage(newMeter, 0), nowMs, 60_000)).toEqual(cuts);
  });

  it('covers exactly the time from start to end, however it is cut', () => {
    const times = fc
      .array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 2, maxLength: 30 })
      .map((list) => list.sort((a, b) => a - b));
    fc.assert(
      fc.property(times, (sorted) => {
        const [start = 0, ...later] = sorted;
        const end = later.pop() ?? start;
        const intervals: UsageInterval[] = [];
        let meter = openUsage(newMeter, start);
        for (const at of later) {
          const cut = cutUsage(meter, at);
          meter = cut.meter;
          if (cut.closed) intervals.push(cut.closed);
        }
        const { closed } = closeAt(meter, end);
        if (closed) intervals.push(closed);
        expect(intervals.map(({ sequence }) => sequence)).toEqual(intervals.map((_, index) => index));
        expect(intervals[0]?.startedAtMs).toBe(start);
        expect(intervals.at(-1)?.endedAtMs).toBe(end);
        for (const [index, each] of intervals.entries()) {
          expect(each.endedAtMs).toBeGreaterThanOrEqual(each.startedAtMs);
          if (index > 0) expect(each.startedAtMs).toBe(intervals[index - 1]?.endedAtMs);
        }
      }),
    );
  });
});
