import { describe, expect, it } from 'vitest';
import { oomKillsIn, settingsFor } from './cgroup-values.js';

const asText = (version: 'v1' | 'v2', limits: Parameters<typeof settingsFor>[1]) =>
  settingsFor(version, limits).map(({ controller, file, value, optional }) => `${controller}/${file}=${value}${optional ? '?' : ''}`);

describe('limits of control groups', () => {
  const limits = { cpuMillis: 250, memoryMiB: 64, pids: 100 };

  it('of version 1', () => {
    expect(asText('v1', limits)).toEqual([
      'cpu/cpu.cfs_period_us=100000',
      'cpu/cpu.cfs_quota_us=25000',
      'cpu/cpu.shares=256',
      'memory/memory.limit_in_bytes=67108864',
      'memory/memory.memsw.limit_in_bytes=67108864?',
      'pids/pids.max=100',
    ]);
  });

  it('of version 2', () => {
    expect(asText('v2', limits)).toEqual([
      'cpu/cpu.max=25000 100000',
      'cpu/cpu.weight=25',
      'memory/memory.max=67108864',
      'memory/memory.swap.max=0?',
      'pids/pids.max=100',
    ]);
  });

  it('are a share without a limit for a task that may use what is to spare', () => {
    const burst = { cpuMillis: 250, memoryMiB: null, pids: null, cpuBurst: true };
    expect(asText('v1', burst)).toEqual(['cpu/cpu.cfs_period_us=100000', 'cpu/cpu.cfs_quota_us=-1', 'cpu/cpu.shares=256']);
    expect(asText('v2', burst)).toEqual(['cpu/cpu.max=max 100000', 'cpu/cpu.weight=25']);
  });

  it('weigh the disk where the kernel can', () => {
    const weighed = { cpuMillis: null, memoryMiB: null, pids: null, blockIoWeight: 500 };
    expect(asText('v1', weighed)).toEqual(['blkio/blkio.bfq.weight=500?']);
    expect(asText('v2', weighed)).toEqual(['blkio/io.bfq.weight=500?', 'blkio/io.weight=500?']);
  });

  it('are left out where there are none', () => {
    for (const version of ['v1', 'v2'] as const) expect(settingsFor(version, { cpuMillis: null, memoryMiB: null, pids: null })).toEqual([]);
  });

  it('stay within what the kernel takes, however small or large', () => {
    expect(asText('v1', { cpuMillis: 1, memoryMiB: null, pids: null })).toContain('cpu/cpu.shares=2');
    expect(asText('v1', { cpuMillis: 1, memoryMiB: null, pids: null })).toContain('cpu/cpu.cfs_quota_us=1000');
    expect(asText('v2', { cpuMillis: 256_000, memoryMiB: null, pids: null })).toContain('cpu/cpu.weight=10000');
    expect(asText('v2', { cpuMillis: 4, memoryMiB: null, pids: null })).toContain('cpu/cpu.weight=1');
  });
});

describe('kills for want of memory', () => {
  it.each([
    ['oom_kill_disable 0\nunder_oom 0\noom_kill 3\n', 3],
    ['low 0\nhigh 0\nmax 12\noom 2\noom_kill 1\noom_group_kill 0\n', 1],
    ['oom_kill_disable 0\nunder_oom 0\n', 0],
    ['', 0],
  ])('are read from either version’s file', (text, kills) => {
    expect(oomKillsIn(text)).toBe(kills);
  });
});
