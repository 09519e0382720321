import { describe, expect, it } from 'vitest';
import { renewalDueMs } from './renewal.js';

describe('renewal', () => {
  it('is due when two thirds of the certificate’s life are over', () => {
    expect(renewalDueMs({ fromMs: 0, untilMs: 900 }, 0)).toBe(600);
  });

  it('does not count the time before the certificate was ours', () => {
    expect(renewalDueMs({ fromMs: 0, untilMs: 900 }, 300)).toBe(700);
  });
});
