import type { LogLine } from '@berth/contract';
import { expect, test } from 'vitest';
import { plainOutput, prefixedOutput } from './log-output.js';

const line = (text: string, more: Partial<LogLine> = {}): LogLine => ({
  at: '2026-01-01T00:00:00Z',
  container: 'main',
  stream: 'stdout',
  text,
  partial: false,
  ...more,
});

function sink() {
  const written: [string, string][] = [];
  const write = async (stream: 'stdout' | 'stderr', text: string) => void written.push([stream, text]);
  return { written, write };
}

test('a program’s output stays as it is, each stream on its own', async () => {
  const { written, write } = sink();
  const show = plainOutput(write);
  for (const one of [line('\x1b[31mred'), line('begun ', { partial: true }), line('ended'), line('oops', { stream: 'stderr' })])
    await show(one);
  expect(written).toEqual([
    ['stdout', '\x1b[31mred\n'],
    ['stdout', 'begun '],
    ['stdout', 'ended\n'],
    ['stderr', 'oops\n'],
  ]);
});

test('behind a prefix, parts of lines of several tasks don’t mix', async () => {
  const { written, write } = sink();
  const { line: show, end } = prefixedOutput(write);
  await show('a', line('one ', { partial: true }));
  await show('b', line('two'));
  await show('a', line('line'));
  await show('b', line('cut', { partial: true, stream: 'stderr' }));
  await end();
  expect(written).toEqual([
    ['stdout', 'b | two\n'],
    ['stdout', 'a | one line\n'],
    ['stderr', 'b | cut\n'],
  ]);
});
