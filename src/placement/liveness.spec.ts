import type { HostId, HostState } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { judgeHosts, watchingSince } from './liveness.js';

const limits = { unreachableAfterMs: 15, lostAfterMs: 300 };
const host = (state: HostState, lastSeenMs: number) => [{ id: 'h' as HostId, state, lastSeenMs }];

describe('judgeHosts', () => {
  it.each<[string, HostState, number, number, string[], string[]]>([
    ['a host that was just heard', 'active', 990, 0, [], []],
    ['a short silence', 'active', 986, 0, [], []],
    ['a silence', 'active', 985, 0, ['h'], []],
    ['a silence that is known', 'unreachable', 985, 0, [], []],
    ['a long silence', 'unreachable', 700, 0, [], ['h']],
    ['a long silence that was not noticed before', 'active', 700, 0, [], ['h']],
    ['a host that was given up', 'lost', 0, 0, [], []],
    ['a silence from before the watch', 'active', 0, 990, [], []],
    ['a silence that is too short since the watch began', 'active', 0, 980, ['h'], []],
  ])('%s', (_, state, lastSeenMs, since, unreachable, lost) => {
    expect(judgeHosts(host(state, lastSeenMs), 1000, since, limits)).toEqual({ unreachable, lost });
  });
});

describe('watchingSince', () => {
  it('begins with the first look, goes on with each that is in time, and begins anew after a gap', () => {
    expect(watchingSince(null, 100, 30)).toBe(100);
    expect(watchingSince({ sinceMs: 100, lookedAtMs: 190 }, 220, 30)).toBe(100);
    expect(watchingSince({ sinceMs: 100, lookedAtMs: 189 }, 220, 30)).toBe(220);
  });
});
