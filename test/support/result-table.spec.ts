import { describe, expect, it } from 'vitest';
import { promiseIn, tableText } from './result-table.js';

describe('the table of promises', () => {
  it.each([
    ['row 10: containers live', { key: 'row 10', promise: 'containers live' }],
    ['probe setns: refused: always', { key: 'probe setns', promise: 'refused: always' }],
    ['leaves nothing', null],
    ['row of houses', null],
  ])('reads %s', (name, expected) => {
    expect(promiseIn(name)).toEqual(expected);
  });

  it('is in the order of the numbers, with reasons', () => {
    const text = tableText([
      { key: 'row 32', promise: 'is killed', result: 'skipped', reason: 'no FUSE here' },
      { key: 'row 4', promise: 'runs on', result: 'passed', reason: '' },
    ]);
    expect(text).toBe('  row 4   passed   runs on\n  row 32  skipped  is killed; skipped because: no FUSE here\n');
  });
});
