import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bucket, levelOf, pour, shortageOf } from './quota.js';

describe('what quotas leave', () => {
  it.each([
    [{}, {}, { tasks: 1000 }, null],
    [{ tasks: 3 }, { tasks: 2 }, { tasks: 1 }, null],
    [{ tasks: 3 }, { tasks: 2 }, { tasks: 2 }, 'tasks'],
    [{ tasks: 3, memoryMiB: 100 }, { tasks: 0, memoryMiB: 50 }, { tasks: 1, memoryMiB: 51 }, 'memoryMiB'],
    [{ tasks: 0 }, {}, { tasks: 1 }, 'tasks'],
    // Who has too much already may shrink, and keep what it has.
    [{ cpuMillis: 100 }, { cpuMillis: 500 }, { cpuMillis: 0 }, null],
  ])('of %j with %j used, %j is short of %s', (limits, used, wanted, name) => {
    expect(shortageOf(limits, used, wanted)?.name ?? null).toBe(name);
  });
});

describe('a bucket', () => {
  it('says when there will be enough', () => {
    expect(pour({ tokens: 0, refilledAtMs: 0 }, 60, 0, 5)).toEqual({ kind: 'short', left: 0, afterMs: 5_000 });
    expect(pour(null, 60, 0, 61)).toEqual({ kind: 'short', left: 60, afterMs: null });
    expect(pour(null, 0, 0, 1)).toEqual({ kind: 'short', left: 0, afterMs: null });
  });

  it('gives in any time no more than it holds and what flowed in, whoever asks for what and when', () => {
    const asks = fc.array(fc.record({ afterMs: fc.nat(120_000), wanted: fc.integer({ min: 1, max: 50 }) }), { maxLength: 60 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), asks, (perMinute, all) => {
        let bucket: Bucket | null = null;
        let nowMs = 0;
        let given = 0;
        for (const { afterMs, wanted } of all) {
          nowMs += afterMs;
          const poured = pour(bucket, perMinute, nowMs, wanted);
          if (poured.kind === 'poured') {
            bucket = poured.bucket;
            given += wanted;
          } else if (poured.afterMs !== null) {
            expect(pour(bucket, perMinute, nowMs + poured.afterMs + 1, wanted).kind).toBe('poured');
          }
          expect(given).toBeLessThanOrEqual(perMinute + (nowMs * perMinute) / 60_000 + 1e-6);
          if (bucket) expect(levelOf(bucket, perMinute, nowMs)).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });
});
