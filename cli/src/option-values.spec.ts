import { describe, expect, test } from 'vitest';
import {
  cpuOption,
  environmentOption,
  keyValue,
  memoryOption,
  parseDuration,
  parseEnvironmentFile,
  sinceOption,
  wholeNumber,
} from './option-values.js';

const now = Date.parse('2026-01-31T12:00:00Z');

test.each([
  ['30', 30_000],
  ['1.5', 1500],
  ['500ms', 500],
  ['1h30m', 5_400_000],
  ['2d', 172_800_000],
  ['', null],
  ['1x', null],
  ['m', null],
  ['-1s', null],
])('duration %j', (text, expected) => expect(parseDuration(text)).toBe(expected));

test('since takes an instant or how long ago', () => {
  expect(sinceOption('10m', now)).toBe('2026-01-31T11:50:00.000Z');
  expect(sinceOption('2026-01-31T12:00:00+01:00', now)).toBe('2026-01-31T11:00:00.000Z');
  expect(() => sinceOption('yesterday', now)).toThrow('--since does not take "yesterday".');
});

test('sizes and numbers say what they take', () => {
  expect([cpuOption('0.5'), memoryOption('1Gi'), wholeNumber('--count', 1, 1000)('20')]).toEqual([500, 1024, 20]);
  expect(() => cpuOption('many')).toThrow(expect.objectContaining({ hint: 'It takes 250m, 0.25 or 2.', exitCode: 2 }));
  for (const text of ['0', '1001', '1.5', 'x', '']) expect(() => wholeNumber('--count', 1, 1000)(text)).toThrow('--count does not take');
});

describe('variables', () => {
  const here = (name: string) => ({ HOME: '/root' })[name];

  test('a value may hold "=", be empty, or come from here', () => {
    let env = environmentOption(here)('A=b=c');
    env = environmentOption(here)('EMPTY=', env);
    env = environmentOption(here)('HOME', env);
    expect(environmentOption(here)('UNSET', env)).toEqual({ A: 'b=c', EMPTY: '', HOME: '/root' });
  });

  test('a variable or a tag without a name is refused', () => {
    expect(() => environmentOption(here)('=x')).toThrow('--env does not take "=x".');
    expect(() => keyValue('--tag')('team')).toThrow('--tag does not take "team".');
  });

  test('a file has comments and blank lines; a later line wins', () => {
    expect(parseEnvironmentFile('# comment\n\nA=1\r\n  B="quoted stays"\nHOME\nA=2', 'x.env', here)).toEqual({
      A: '2',
      B: '"quoted stays"',
      HOME: '/root',
    });
    expect(() => parseEnvironmentFile('A=1\n=2', 'x.env', here)).toThrow('x.env:2 has no name');
  });
});
