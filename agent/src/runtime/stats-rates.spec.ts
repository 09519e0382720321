import type { TaskId } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { simCounters } from '../sim/sim-stats.js';
import { SampleRing } from './stats-history.js';
import { sampleOf, statsOf, type TaskCounters } from './stats-rates.js';

const taskId = '0190a3a0-0000-7000-8000-000000000001' as TaskId;
const base = simCounters(taskId, [{ taskId, name: 'main', startedAtMs: 0, behaviour: { kind: 'run' }, exit: null }], 0) as TaskCounters;

function at(atMs: number, usedNs: number, more: { periods?: number; throttledPeriods?: number; txBytes?: number } = {}): TaskCounters {
  const { txBytes = 0, ...cpu } = more;
  const task = { ...base.task, cpu: { ...base.task.cpu, usedNs, ...cpu } };
  const network = { rxBytes: 0, rxPackets: 0, rxDropped: 0, txBytes, txPackets: 0, txDropped: 0 };
  return { taskId, atMs, task, containers: [{ name: 'main', counters: task }], network };
}

describe('statistics', () => {
  it('have no percent at the first look', () => {
    expect(statsOf(at(1000, 5), null).task.cpu.percent).toBeNull();
  });

  it('take the CPU’s percent from two looks: 100 is one whole CPU', () => {
    const stats = statsOf(at(3000, 3_500_000_000), at(1000, 500_000_000));
    expect(stats.task.cpu.percent).toBe(150);
    expect(stats.containers[0]?.stats.cpu.percent).toBe(150);
  });

  it('have no percent of a container that was not there before', () => {
    expect(statsOf(at(3000, 1), { ...at(1000, 0), containers: [] }).containers[0]?.stats.cpu.percent).toBeNull();
  });
});

describe('a sample', () => {
  it('says rates per second and the part of throttled periods', () => {
    const sample = sampleOf(
      at(10_000, 1_000_000_000, { periods: 100, throttledPeriods: 25, txBytes: 5000 }),
      at(0, 0, { periods: 0, throttledPeriods: 0, txBytes: 0 }),
    );
    expect(sample).toMatchObject({ cpuPercent: 10, throttledPercent: 25, txBytesPerSecond: 500, rxBytesPerSecond: 0 });
  });

  it('does not fall below zero when a counter has begun anew', () => {
    expect(sampleOf(at(10_000, 1_000_000_000), at(0, 9_000_000_000))?.cpuPercent).toBe(10);
  });

  it('is none when no time has passed', () => {
    expect(sampleOf(at(5, 1), at(5, 0))).toBeNull();
  });
});

describe('the history', () => {
  const sample = (second: number) => {
    const made = sampleOf(at(second * 1000, second * 1_000_000), at(0, 0));
    if (!made) throw new Error('no sample');
    return made;
  };

  it('keeps the newest in their order', () => {
    const ring = new SampleRing(3);
    expect(ring.list()).toEqual([]);
    for (const second of [1, 2, 3, 4, 5]) ring.add(sample(second));
    expect(ring.list().map(({ at: time }) => Date.parse(time) / 1000)).toEqual([3, 4, 5]);
  });

  it('gives back what was added', () => {
    const ring = new SampleRing(2);
    ring.add(sample(1));
    expect(ring.list()).toEqual([sample(1)]);
  });
});
