import type { StopCode, Task } from '@berth/contract';
import { expect, test } from 'vitest';
import { describeEnd, exitCodeOf, exitCodeOfAll } from './task-end.js';

const ended = (stopCode: StopCode, exitCode: number | null, stopReason: string | null = null) =>
  ({ stopCode, stopReason, containers: [{ exitCode }] }) as unknown as Task;

test.each([
  ['EssentialContainerExited', 0, 0],
  ['EssentialContainerExited', 3, 3],
  ['UserInitiated', 143, 143],
  ['OutOfMemory', 137, 137],
  ['ImagePullFailed', null, 125],
  ['TaskFailedToStart', null, 125],
  ['HostLost', 0, 125],
] as const)('%s with %s exits %d', (stopCode, exitCode, expected) => expect(exitCodeOf(ended(stopCode, exitCode))).toBe(expected));

test('of several, the first that failed counts', () => {
  const all = [ended('EssentialContainerExited', 0), ended('EssentialContainerExited', 4), ended('OutOfMemory', 137)];
  expect([exitCodeOfAll(all), exitCodeOfAll(all.slice(0, 1))]).toEqual([4, 0]);
});

test('an end is explained when the exit code does not', () => {
  expect(describeEnd(ended('EssentialContainerExited', 1))).toBeNull();
  expect(describeEnd(ended('UserInitiated', 143))).toBeNull();
  expect(describeEnd(ended('TaskFailedToStart', null, 'no such file: /bin/x'))).toContain('(no such file: /bin/x)');
  expect(describeEnd(ended('HostLost', null))).toContain('It is not billed.');
});
