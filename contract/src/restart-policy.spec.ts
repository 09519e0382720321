import { describe, expect, it } from 'vitest';
import { type AttemptEnd, nextAttempt, type RestartPolicy, restartPolicySchema } from './restart-policy.js';

const policy = (more: object = {}): RestartPolicy => restartPolicySchema.parse(more);
const ended = (more: Partial<AttemptEnd> = {}): AttemptEnd => ({
  exitCode: 1,
  unhealthy: false,
  ranForMs: 500,
  restartsInARow: 0,
  ...more,
});

describe('the next attempt', () => {
  it.each<[string, object, Partial<AttemptEnd>, boolean]>([
    ['after a failure', {}, {}, true],
    ['after success', {}, { exitCode: 0 }, true],
    ['after success, when only failures count', { mode: 'on-failure' }, { exitCode: 0 }, false],
    ['after an end that nobody knows', { mode: 'on-failure' }, { exitCode: null }, true],
    ['after a code that is ignored', { ignoredExitCodes: [1] }, {}, false],
    ['after our own stop of a sick one, whatever its code', { ignoredExitCodes: [143] }, { exitCode: 143, unhealthy: true }, true],
    ['after a stop of a sick one that ended with 0', { mode: 'on-failure' }, { exitCode: 0, unhealthy: true }, true],
    ['below the limit', { maxAttempts: 3 }, { restartsInARow: 2 }, true],
    ['at the limit', { maxAttempts: 3 }, { restartsInARow: 3 }, false],
    ['at the limit after it ran well', { maxAttempts: 3, resetAfterSeconds: 60 }, { restartsInARow: 3, ranForMs: 60_000 }, true],
  ])('%s', (_, given, end, again) => {
    expect(nextAttempt(policy(given), ended(end)) !== null).toBe(again);
  });

  it('is never without a policy', () => {
    expect(nextAttempt(null, ended())).toBeNull();
  });

  it('waits longer each time, up to five minutes, and begins anew after it ran well', () => {
    const delays: number[] = [];
    for (let restartsInARow = 0; restartsInARow < 11; restartsInARow++) {
      delays.push((nextAttempt(policy(), ended({ restartsInARow }))?.delayMs ?? 0) / 1000);
    }
    expect(delays).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    expect(nextAttempt(policy(), ended({ restartsInARow: 9, ranForMs: 600_000 }))).toEqual({ delayMs: 1_000, restartsInARow: 1 });
  });
});
