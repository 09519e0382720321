import { expect, test } from 'vitest';
import { verbFirst } from './verb-first.js';

test.each([
  ['ps -a', 'ps -a'],
  ['--context prod ps -a', 'ps --context prod -a'],
  ['--context=prod -o json ps', 'ps --context=prod -o json'],
  ['--context prod run busybox -- ls --context x', 'run --context prod busybox -- ls --context x'],
  ['--help', '--help'],
  ['--context', '--context'],
  ['', ''],
])('%j is read as %j', (typed, read) => {
  expect(verbFirst(typed.split(' ').filter(Boolean)).join(' ')).toBe(read);
});
