import type { Task } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { containerRows, stateInWords } from './task-row.js';

const nowMs = Date.parse('2026-01-01T00:01:00Z');
const container = {
  name: 'main',
  image: 'busybox',
  state: 'running',
  exitCode: null,
  signal: null,
  reason: null,
  restartCount: 0,
  lastExit: null,
  nextStartAt: null,
  health: 'unknown',
  healthReason: null,
};
const rowOf = (more: object) => containerRows({ containers: [{ ...container, ...more }] } as unknown as Task, nowMs)[0];

describe('a container’s row', () => {
  const lastExit = { exitCode: 137, signal: 'SIGKILL', reason: null, finishedAt: '2026-01-01T00:00:50Z' };
  it.each<[string, object, string[]]>([
    ['runs', {}, ['main', 'running', '', '', '', 'busybox', '']],
    ['has ended', { state: 'exited', exitCode: 3 }, ['main', 'exited', '', '3', '', 'busybox', '']],
    [
      'waits for its next attempt',
      { state: 'waiting', lastExit, nextStartAt: '2026-01-01T00:01:08Z' },
      ['main', 'waiting, again in 8s', '', 'last 137 (SIGKILL)', '0', 'busybox', ''],
    ],
    ['was started again', { restartCount: 2, lastExit }, ['main', 'running', '', 'last 137 (SIGKILL)', '2', 'busybox', '']],
    ['is ill', { health: 'unhealthy', healthReason: 'HTTP 503' }, ['main', 'running', 'unhealthy', '', '', 'busybox', 'HTTP 503']],
  ])('of one that %s', (_, more, row) => {
    expect(rowOf(more)).toEqual(row);
  });
});

describe('a task’s state in words', () => {
  const running = { state: 'running', startedAt: '2026-01-01T00:00:00Z', containers: [] };
  it('tells its health when it is known', () => {
    expect(stateInWords({ ...running, health: 'unhealthy' } as unknown as Task, nowMs)).toBe('running 1m (unhealthy)');
    expect(stateInWords({ ...running, health: 'unknown' } as unknown as Task, nowMs)).toBe('running 1m');
  });
});
