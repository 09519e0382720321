import { describe, expect, it } from 'vitest';
import { backoffMs } from './backoff.js';

const range = { firstMs: 100, mostMs: 30_000 };
const nearlyOne = 1 - Number.EPSILON;

describe('back-off', () => {
  it.each([
    { attempt: 0, longest: 100 },
    { attempt: 1, longest: 200 },
    { attempt: 8, longest: 25_600 },
    { attempt: 9, longest: 30_000 },
    { attempt: 5_000, longest: 30_000 },
  ])('waits up to $longest ms before repeat $attempt', ({ attempt, longest }) => {
    expect(backoffMs(attempt, range, nearlyOne)).toBe(longest);
    expect(backoffMs(attempt, range, 0)).toBe(0);
  });
});
