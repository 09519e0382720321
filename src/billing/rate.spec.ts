import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PriceBook, pricePerHour, rate, type UsageInterval } from './rate.js';

const hour = 3_600_000;
const book: PriceBook = { name: 'default', version: 1, currency: 'USD', startsAtMs: 0, prices: { cpu: '0.03', memory: '0.0033' } };
const oneHour: UsageInterval = { startMs: 0, endMs: hour, cpuMillis: 1000, memoryMiB: 1024 };

describe('rate', () => {
  it.each([
    ['an hour of 1 vCPU and 1 GiB', oneHour, ['0.03', '0.0033'], '0.0333'],
    ['a quarter of that', { ...oneHour, cpuMillis: 250, memoryMiB: 256 }, ['0.0075', '0.000825'], '0.008325'],
    [
      'one millisecond of the smallest task',
      { startMs: 5, endMs: 6, cpuMillis: 10, memoryMiB: 16 },
      ['0.000000000083', '0.000000000014'],
      '0.000000000097',
    ],
    ['no time at all', { ...oneHour, endMs: 0 }, [], '0'],
  ])('%s', (_, interval, amounts, total) => {
    const rated = rate([interval], [book]);
    expect(rated.lines.map((line) => line.amount)).toEqual(amounts);
    expect(rated.total).toBe(total);
  });

  it('shows how it got there', () => {
    expect(rate([oneHour], [book]).lines).toEqual([
      { dimension: 'cpu', quantity: '1', unit: 'vCPU-hour', price: '0.03', amount: '0.03' },
      { dimension: 'memory', quantity: '1', unit: 'GiB-hour', price: '0.0033', amount: '0.0033' },
    ]);
  });

  it('rounds half to even, at the twelfth decimal', () => {
    const cpuOf = (price: string) =>
      rate([{ ...oneHour, memoryMiB: 0 }], [{ ...book, prices: { cpu: price, memory: '0' } }]).lines[0]?.amount;
    expect(cpuOf('0.0000000000005')).toBe('0');
    expect(cpuOf('0.0000000000015')).toBe('0.000000000002');
    expect(cpuOf('0.0000000000025')).toBe('0.000000000002');
    expect(cpuOf('0.00000000000250000000000000000001')).toBe('0.000000000003');
  });

  it('prices each part of an interval by the book of its time', () => {
    const dearer = { ...book, version: 2, startsAtMs: hour / 2, prices: { cpu: '0.06', memory: '0' } };
    const rated = rate([oneHour], [book, dearer]);
    expect(rated.books.map((one) => one.version)).toEqual([1, 2]);
    expect(rated.lines.map((line) => line.amount)).toEqual(['0.015', '0.00165', '0.03', '0']);
  });

  it('never writes an exponent', () => {
    const long = rate(
      [{ startMs: 0, endMs: 10 ** 12, cpuMillis: 256_000, memoryMiB: 4_194_304 }],
      [{ ...book, prices: { cpu: '1000000', memory: '1000000' } }],
    );
    for (const text of [long.total, ...long.lines.flatMap((line) => [line.quantity, line.amount])]) expect(text).toMatch(/^\d+(\.\d+)?$/);
  });
});

const interval = fc
  .record({
    startMs: fc.integer({ min: 0, max: 10 * hour }),
    lengthMs: fc.integer({ min: 1, max: 10 * hour }),
    cpuMillis: fc.integer({ min: 10, max: 256_000 }),
    memoryMiB: fc.integer({ min: 16, max: 4_194_304 }),
  })
  .map(({ lengthMs, ...rest }) => ({ ...rest, endMs: rest.startMs + lengthMs }));
const books = fc.array(fc.integer({ min: 1, max: 20 * hour }), { maxLength: 3 }).map((starts) =>
  [0, ...starts.sort((a, b) => a - b)].map((startsAtMs, index) => ({
    ...book,
    version: index + 1,
    startsAtMs,
    prices: { cpu: `0.0${index + 1}7`, memory: '0.0033' },
  })),
);

/** Cuts an interval at the given places. */
function cut(one: UsageInterval, places: readonly number[]): UsageInterval[] {
  const inside = [...new Set(places.map((place) => one.startMs + (place % (one.endMs - one.startMs))))]
    .filter((at) => at > one.startMs)
    .sort((a, b) => a - b);
  const edges = [one.startMs, ...inside, one.endMs];
  return edges.slice(1).map((endMs, index) => ({ ...one, startMs: edges[index] as number, endMs }));
}

describe('properties', () => {
  it('where intervals are cut changes neither time nor money', () => {
    fc.assert(
      fc.property(
        fc.array(interval, { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat(), { maxLength: 6 }),
        books,
        (intervals, places, prices) => {
          const whole = rate(intervals, prices);
          const pieces = rate(
            intervals.flatMap((one) => cut(one, places)),
            prices,
          );
          expect(pieces).toEqual(whole);
        },
      ),
    );
  });

  it('the order of intervals changes nothing', () => {
    fc.assert(
      fc.property(fc.array(interval, { maxLength: 6 }), books, (intervals, prices) => {
        expect(rate([...intervals].reverse(), prices)).toEqual(rate(intervals, prices));
      }),
    );
  });

  it('the time is the sum of the intervals, and the total the sum of the lines to the last digit', () => {
    const digits = (text: string) =>
      BigInt(text.replace(/^(\d+)\.?(\d*)$/, (_, whole: string, part: string) => whole + part.padEnd(12, '0')));
    fc.assert(
      fc.property(fc.array(interval, { maxLength: 6 }), books, (intervals, prices) => {
        const rated = rate(intervals, prices);
        expect(rated.durationMs).toBe(intervals.reduce((sum, one) => sum + one.endMs - one.startMs, 0));
        expect(digits(rated.total)).toBe(rated.lines.reduce((sum, line) => sum + digits(line.amount), 0n));
      }),
    );
  });
});

it('the price of an hour is what an hour costs', () => {
  const size = { cpuMillis: 250, memoryMiB: 128 };
  expect(pricePerHour(size, book)).toBe(rate([{ startMs: 0, endMs: hour, ...size }], [book]).total);
});
