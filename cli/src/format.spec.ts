import { describe, expect, test } from 'vitest';
import { ago, clockTime, cpu, duration, inert, memory, money, sheet, shorten, table } from './format.js';

describe('inert', () => {
  test.each([
    ['\x1b[31mred\x07', '\\x1b[31mred\\x07'],
    ['two\nlines\r\tand', 'two\\nlines\\x0d\\tand'],
    ['\x9b31m', '\\x9b31m'],
    ['abc\u202egpj.exe', 'abc\\u202egpj.exe'],
    ['grüße, 世界 🚢', 'grüße, 世界 🚢'],
  ])('%j', (text, expected) => expect(inert(text)).toBe(expected));
});

test('a table has aligned columns, no lines and nothing that acts on a terminal', () => {
  const made = table(
    ['NAME', 'STATE'],
    [
      ['a\x1b[2J', 'running'],
      ['世界', ''],
    ],
  );
  expect(made).toBe('NAME       STATE\na\\x1b[2J   running\n世界');
});

test('a sheet leaves out what is not known', () => {
  expect(
    sheet([
      ['Host', null],
      ['State', 'running'],
      ['Id', 'a\nb'],
    ]),
  ).toBe('State   running\nId      a\\nb');
});

test.each([
  [-5, '0ms'],
  [0.4, '0ms'],
  [840, '840ms'],
  [1000, '1s'],
  [12_440, '12.4s'],
  [59_940, '59.9s'],
  [59_960, '1m'],
  [200_000, '3m 20s'],
  [3_600_000, '1h'],
  [18_120_000, '5h 2m'],
  [349_200_000, '4d 1h'],
])('duration of %d ms', (ms, expected) => expect(duration(ms)).toBe(expected));

test('a time ahead of our clock is not in the past', () => {
  expect(ago('2026-01-01T00:00:10Z', Date.parse('2026-01-01T00:00:00Z'))).toBe('just now');
  expect(ago('2026-01-01T00:00:00Z', Date.parse('2026-01-01T00:00:05Z'))).toBe('5s ago');
});

test('times are shown in UTC whatever they were written in', () => {
  expect(clockTime('2026-01-01T02:00:00.5+02:00')).toBe('00:00:00.500');
});

test.each([
  ['0.00001225000', '0.00001225 USD'],
  ['100', '100 USD'],
  ['1.000', '1 USD'],
  ['0.0', '0 USD'],
  ['123456789012345678.000000000000000001', '123456789012345678.000000000000000001 USD'],
])('money %s stays exact', (amount, expected) => expect(money(amount, 'USD')).toBe(expected));

test('sizes', () => {
  expect([cpu(250), cpu(2000), memory(128), memory(1536), memory(2048)]).toEqual(['250m', '2', '128 MiB', '1.5 GiB', '2 GiB']);
  expect([shorten('abcdef', 4), shorten('abcd', 4)]).toEqual(['abc…', 'abcd']);
});
