import { expect, it } from 'vitest';
import { openInterval } from './open-usage.js';

const task = { state: 'running', startedAtMs: 1_000, lastSeenAtMs: null } as const;

it.each([
  ['from the start without a record', task, null, 5_000, { startMs: 1_000, endMs: 5_000 }],
  ['from the last record', task, 4_000, 5_000, { startMs: 4_000, endMs: 5_000 }],
  ['while it stops, too', { ...task, state: 'stopping' }, 4_000, 5_000, { startMs: 4_000, endMs: 5_000 }],
  ['to when its host was last seen', { ...task, lastSeenAtMs: 4_500 }, 4_000, 9_000, { startMs: 4_000, endMs: 4_500 }],
  ['nothing after the host was last seen', { ...task, lastSeenAtMs: 3_000 }, 4_000, 9_000, null],
  ['nothing before it has started', { ...task, startedAtMs: null, state: 'placed' }, null, 5_000, null],
  ['nothing once it has stopped', { ...task, state: 'stopped' }, 4_000, 9_000, null],
  ['nothing while the agent’s clock is ahead of ours', task, 6_000, 5_000, null],
] as const)('%s', (_, metered, recordedUntil, now, expected) => {
  expect(openInterval(metered, recordedUntil, now)).toEqual(expected);
});
