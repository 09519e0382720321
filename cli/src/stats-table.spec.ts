import type { GroupStats, TaskStats } from '@berth/contract';
import { expect, it } from 'vitest';
import { size, statsRows } from './stats-table.js';

const group: GroupStats = {
  cpu: { usedNs: 1, percent: 12.34, periods: 100, throttledPeriods: 25, throttledNs: 1 },
  memory: { workingSetBytes: 64 * 1024 * 1024, usageBytes: 1, cacheBytes: 0, limitBytes: 128 * 1024 * 1024, oomKills: 0 },
  io: { readBytes: 0, writeBytes: 1536, readOps: 0, writeOps: 1 },
  pids: { current: 3, limit: 1024 },
  pressure: null,
};
const network = { rxBytes: 1024, rxPackets: 1, rxDropped: 0, txBytes: 5, txPackets: 1, txDropped: 0 };
const stats = (names: string[]): TaskStats => ({
  taskId: '0190a3a0-0000-7000-8000-000000000001',
  at: '2026-01-01T00:00:00Z',
  task: group,
  containers: names.map((name) => ({ name, stats: group })),
  network,
});

it('has one row for a task of one container', () => {
  expect(statsRows(stats(['main']))).toEqual([
    ['0190a3a0', 'main', '12.3%', '25%', '64 MiB / 128 MiB', '1 KiB / 5 B', '0 B / 1.5 KiB', '3 / 1024'],
  ]);
});

it('has a row for each of several containers, below the task’s', () => {
  expect(statsRows(stats(['web', 'side'])).map(([task, name, , , , net]) => [task, name, net])).toEqual([
    ['0190a3a0', '', '1 KiB / 5 B'],
    ['', 'web', ''],
    ['', 'side', ''],
  ]);
});

it('says what was killed, and leaves out what is not known', () => {
  const killed = { ...group, cpu: { ...group.cpu, percent: null, periods: 0 }, memory: { ...group.memory, limitBytes: null, oomKills: 2 } };
  expect(statsRows({ ...stats(['main']), task: killed, network: null })[0]?.slice(2, 6)).toEqual(['', '', '64 MiB (2 killed)', '']);
});

it.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1 KiB'],
  [1_500_000, '1.4 MiB'],
  [3 * 1024 ** 4, '3 TiB'],
])('%i bytes are %s', (bytes, text) => {
  expect(size(bytes)).toBe(text);
});
