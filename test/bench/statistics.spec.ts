import { expect, test } from 'vitest';
import { latency, percentile } from './statistics.js';

test('percentiles are values that were measured', () => {
  const samples = [5, 1, 4, 2, 3];
  expect([0, 0.5, 0.8, 0.81, 0.99, 1].map((share) => percentile(samples, share))).toEqual([1, 3, 4, 5, 5, 5]);
  expect(percentile([7], 0.5)).toBe(7);
  expect(samples).toEqual([5, 1, 4, 2, 3]);
  expect(() => percentile([], 0.5)).toThrow('no samples');
});

test('a latency is rounded to hundredths of a millisecond', () => {
  expect(latency([1.004, 2.006])).toEqual({ p50Ms: 1, p99Ms: 2.01 });
});
