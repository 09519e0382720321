import type { Drain, Host } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { findHost } from './find-host.js';
import { drainLine } from './host-row.js';

const nowMs = Date.parse('2026-11-27T12:00:00Z');
const drain = (more: Partial<Drain> = {}): Drain => ({
  hostId: 'h',
  cause: 'operator',
  reason: 'kernel',
  startedAt: '2026-11-27T11:58:00.000Z',
  deadlineAt: '2026-11-27T12:52:00.000Z',
  forcedAt: null,
  endedAt: null,
  outcome: null,
  tasksAtStart: 20,
  tasksLeft: 12,
  replaced: 8,
  forced: 0,
  waiting: [],
  ...more,
});

describe('a drain in one line', () => {
  it.each<[string, Partial<Drain>, string]>([
    ['how far it is', {}, '[########------------] 8 of 20 have left; forced in 52m'],
    [
      'what most wait for',
      { waiting: ['b', 'a', 'b'].map((reason) => ({ taskId: 't', replacedBy: null, reason })) },
      '[########------------] 8 of 20 have left, 2 wait: b; forced in 52m',
    ],
    ['of an empty host', { tasksAtStart: 0, tasksLeft: 0 }, '[####################] 0 of 0 have left; forced in 52m'],
    ['after the deadline', { deadlineAt: '2026-11-27T12:00:00.000Z' }, '[########------------] 8 of 20 have left; the deadline has come'],
    [
      'with reasons that act on a terminal',
      { waiting: [{ taskId: 't', replacedBy: null, reason: '\u001b[2J' }] },
      '[########------------] 8 of 20 have left, 1 wait: \\x1b[2J; forced in 52m',
    ],
    [
      'when it is over',
      { outcome: 'drained', endedAt: '2026-11-27T11:59:30.000Z', forced: 2, replaced: 18 },
      'drained after 1m 30s: 20 tasks, 18 replaced, 2 stopped by the deadline',
    ],
  ])('says %s', (_, more, expected) => {
    expect(drainLine(drain(more), nowMs)).toBe(expected);
  });
});

describe('finding a host', () => {
  const host = (id: string, name: string) => ({ id, name }) as Host;
  const hosts = [host('aa11', 'one'), host('aa22', 'two'), host('bb33', 'aa1')];
  it.each([
    ['one', 'aa11'],
    ['aa2', 'aa22'],
    ['AA22', 'aa22'],
    ['aa1', 'bb33'],
  ])('%s', (text, id) => expect(findHost(text, hosts).id).toBe(id));
  it.each([
    ['aa', /more than one/],
    ['three', /no host "three"/],
    ['', /no host ""/],
  ])('refuses "%s"', (text, message) => expect(() => findHost(text, hosts)).toThrow(message));
});
