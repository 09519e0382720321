import { describe, expect, it } from 'vitest';
import { ceilingsIn, ceilingsInWords, rlimitsFor } from './rlimits.js';

const own = `Limit                     Soft Limit           Hard Limit           Units
Max stack size            8388608              unlimited            bytes
Max core file size        0                    unlimited            bytes
Max open files            1024                 20000                files
Max locked memory         8388608              8388608              bytes
Max nice priority         0                    0
`;
const ceilings = ceilingsIn(own);
const unlimited = Number.MAX_SAFE_INTEGER;

describe('rlimitsFor', () => {
  it('gives the default ones, as far as the agent itself has them', () => {
    expect(rlimitsFor([], ceilings)).toEqual([
      { type: 'RLIMIT_NOFILE', soft: 20_000, hard: 20_000 },
      { type: 'RLIMIT_CORE', soft: 0, hard: 0 },
    ]);
  });

  it.each([
    ['what was asked for', { name: 'nofile', soft: 100, hard: 200 }, { type: 'RLIMIT_NOFILE', soft: 100, hard: 200 }],
    ['no more than the host has', { name: 'nofile', soft: 100, hard: 30_000 }, { type: 'RLIMIT_NOFILE', soft: 100, hard: 20_000 }],
    ['all there is for "unlimited"', { name: 'memlock', soft: -1, hard: -1 }, { type: 'RLIMIT_MEMLOCK', soft: 8_388_608, hard: 8_388_608 }],
    ['no limit where the host has none', { name: 'core', soft: -1, hard: -1 }, { type: 'RLIMIT_CORE', soft: unlimited, hard: unlimited }],
    ['a stack that threads can have', { name: 'stack', soft: -1, hard: -1 }, { type: 'RLIMIT_STACK', soft: 1024 ** 3, hard: unlimited }],
    ['nothing where the host has nothing', { name: 'nice', soft: 20, hard: 20 }, { type: 'RLIMIT_NICE', soft: 0, hard: 0 }],
  ] as const)('gives %s', (_what, asked, given) => {
    const found = rlimitsFor([asked], ceilings);
    expect(found.filter(({ type }) => type === given.type)).toEqual([given]);
    expect(found.map(({ type }) => type)).toEqual(expect.arrayContaining(['RLIMIT_NOFILE', 'RLIMIT_CORE']));
  });
});

it('says what of the host is limited', () => {
  expect(ceilingsInWords(ceilings)).toBe('memlock=8388608 nice=0 nofile=20000');
  expect(ceilingsInWords({})).toBe('unlimited');
});
