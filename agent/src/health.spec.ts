import { type Health, healthCheckSchema } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { judge, newCheckMemory, nextCheckInMs } from './health.js';

const check = healthCheckSchema.parse({ tcp: { port: 80 }, intervalSeconds: 10, retries: 3, startPeriodSeconds: 20 });

/** Health after these answers, each `[seconds after the start, ok]`. */
function after(answers: readonly (readonly [number, boolean])[]): Health {
  let state = { memory: newCheckMemory(0), health: 'unknown' as Health };
  for (const [seconds, ok] of answers) state = judge(check, state.memory, state.health, { ok, atMs: seconds * 1000, startedAtMs: 0 });
  return state.health;
}

describe('a container’s health', () => {
  it.each<[string, [number, boolean][], Health]>([
    ['is unknown before it was asked', [], 'unknown'],
    [
      'is good after the first success',
      [
        [1, false],
        [2, true],
      ],
      'healthy',
    ],
    [
      'bears failures in the start period',
      [
        [1, false],
        [2, false],
        [4, false],
        [8, false],
        [19, false],
      ],
      'unknown',
    ],
    [
      'is bad after so many failures in a row',
      [
        [20, false],
        [30, false],
        [40, false],
      ],
      'unhealthy',
    ],
    [
      'counts one early failure an interval',
      [
        [20, false],
        [21, false],
        [23, false],
        [27, false],
      ],
      'unknown',
    ],
    [
      'counts failures in a row only',
      [
        [1, true],
        [11, false],
        [21, false],
        [31, true],
        [41, false],
        [51, false],
      ],
      'healthy',
    ],
    [
      'has no start period any more once it was good',
      [
        [1, true],
        [2, false],
        [3, false],
        [4, false],
      ],
      'unhealthy',
    ],
    [
      'recovers',
      [
        [1, true],
        [2, false],
        [3, false],
        [4, false],
        [14, true],
      ],
      'healthy',
    ],
    [
      'stays bad',
      [
        [1, true],
        [2, false],
        [3, false],
        [4, false],
        [14, false],
      ],
      'unhealthy',
    ],
  ])('%s', (_, answers, health) => {
    expect(after(answers)).toBe(health);
  });

  it('is asked for soon at first, then each interval', () => {
    const delays = [0, 1, 2, 3, 4, 5, 60].map((checks) => nextCheckInMs(check, { ...newCheckMemory(0), checks }, 'unknown'));
    expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
    expect(nextCheckInMs(check, newCheckMemory(0), 'healthy')).toBe(10_000);
  });
});
