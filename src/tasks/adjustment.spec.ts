import { describe, expect, it } from 'vitest';
import { type Adjustable, adjustmentOf, nextWish, wishOf } from './adjustment.js';

const plain: Adjustable = { state: 'running', cpu_millis: 500, memory_mib: 128, wish: null, wish_version: 0, adjusted: null };
const size = { cpuMillis: 500, memoryMiB: 128, frozen: false };
const bigger = { ...size, cpuMillis: 900 };
const answer = (version: number, more: object = {}) => ({ ...size, version, refusal: null, ...more });

describe('the next wish', () => {
  it('changes what is asked for and keeps the rest', () => {
    expect(nextWish(plain, { memoryMiB: 256 })).toEqual({ ...size, memoryMiB: 256 });
    expect(nextWish({ ...plain, wish: bigger, wish_version: 1 }, { frozen: true })).toEqual({ ...bigger, frozen: true });
  });

  it('is none when that is so, or asked for, already', () => {
    expect(nextWish(plain, { cpuMillis: 500, frozen: false })).toBeNull();
    expect(nextWish({ ...plain, wish: bigger, wish_version: 1 }, { cpuMillis: 900 })).toBeNull();
  });

  it('goes from what the task has after a refusal, so that the same can be asked for again', () => {
    const refused = { ...plain, wish: bigger, wish_version: 1, adjusted: answer(1, { refusal: 'no' }) };
    expect(wishOf(refused)).toEqual(size);
    expect(nextWish(refused, { cpuMillis: 900 })).toEqual(bigger);
    expect(nextWish(refused, { frozen: true })).toEqual({ ...size, frozen: true });
  });
});

describe('what does not hold', () => {
  it('is nothing before the first wish and after it was fulfilled', () => {
    expect(adjustmentOf(plain)).toBeNull();
    expect(adjustmentOf({ ...plain, wish: bigger, wish_version: 2, adjusted: answer(2, bigger) })).toBeNull();
  });

  it('is pending until the agent has answered that very version', () => {
    const row = { ...plain, wish: bigger, wish_version: 2, adjusted: answer(1, { refusal: 'of the one before' }) };
    expect(adjustmentOf(row)).toEqual({ ...bigger, state: 'pending', reason: null });
  });

  it('is refused with the agent’s reason', () => {
    const row = { ...plain, wish: bigger, wish_version: 2, adjusted: answer(2, { refusal: 'no' }) };
    expect(adjustmentOf(row)).toEqual({ ...bigger, state: 'refused', reason: 'no' });
  });

  it('is nothing any more when the task has ended', () => {
    expect(adjustmentOf({ ...plain, state: 'stopped', wish: bigger, wish_version: 1 })).toBeNull();
  });
});
