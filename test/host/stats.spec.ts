// Statistics of real containers, compared with what they were made to use.
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TaskCounters } from '../../agent/src/runtime/stats-rates.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { type RuntimeHost, runtimeHost } from '../support/runtime-host.js';
import { containerSpec, exitOf, startTask, taskSpec, until } from '../support/runtime-task.js';

const mib = 1024 * 1024;
const hasPressure = existsSync('/sys/fs/cgroup/cgroup.controllers') && existsSync('/proc/pressure/cpu');
let registry: TestRegistry;
let host: RuntimeHost;
let image: string;
let cgroup: string;

beforeAll(async () => {
  registry = await startRegistry();
  image = await registry.push('busybox', {});
  host = await runtimeHost({ insecureRegistries: [registry.address] });
  cgroup = (await host.call.start([])).attributes.cgroup ?? '';
});
afterAll(async () => {
  await host?.destroy();
  await registry?.stop();
});

async function look(taskId: Parameters<RuntimeHost['call']['taskStats']>[0]): Promise<TaskCounters> {
  const counters = await host.call.taskStats(taskId);
  if (!counters) throw new Error('the task is not there');
  return counters;
}

/** Takes the task away however the test ends. */
async function withTask(spec: ReturnType<typeof taskSpec>, work: (address: string) => Promise<void>): Promise<void> {
  const address = await startTask(host, spec);
  try {
    await work(address);
  } finally {
    await host.call.cleanup(spec.taskId);
  }
}

const sh = (script: string, more = {}) => containerSpec(image, ['sh', '-c', script], more);

describe('statistics of a task', () => {
  it('show CPU that is used up to the limit, and how often it was held back, by container', async () => {
    const busy = sh('while :; do :; done', { name: 'busy' });
    const idle = sh('sleep 600', { name: 'idle' });
    const task = taskSpec([busy, idle], { cpuMillis: 200 });
    await withTask(task, async () => {
      const before = await look(task.taskId);
      const now = await until(async () => {
        const counters = await look(task.taskId);
        return counters.task.cpu.throttledPeriods - before.task.cpu.throttledPeriods >= 10 && counters;
      });
      const usedMs = (now.task.cpu.usedNs - before.task.cpu.usedNs) / 1_000_000;
      // 200 milli-CPUs are a fifth of the time; never noticeably more.
      expect(usedMs).toBeLessThan((now.atMs - before.atMs) * 0.2 + 100);
      expect(usedMs).toBeGreaterThan(100);
      expect(now.task.cpu.throttledNs).toBeGreaterThan(0);
      expect(now.task.cpu.periods).toBeGreaterThanOrEqual(now.task.cpu.throttledPeriods);
      const of = (name: string) => now.containers.find((container) => container.name === name)?.counters.cpu.usedNs ?? Number.NaN;
      expect(of('busy')).toBeGreaterThan(10 * of('idle'));
    });
  });

  it('show memory: what is in use, files apart, and the limit', async () => {
    // A file in a tmpfs can't be given back, one on disk can.
    const task = taskSpec(
      [sh('head -c 20000000 /dev/zero > /dev/shm/kept; head -c 30000000 /dev/zero > /file; sync /file; echo ready; sleep 600')],
      {
        memoryMiB: 100,
        pidsLimit: 99,
      },
    );
    await withTask(task, async () => {
      await until(async () => (await host.call.logs(task.taskId, {})).some(({ text }) => text === 'ready'));
      const { task: all, containers } = await look(task.taskId);
      expect(all.memory.limitBytes).toBe(100 * mib);
      expect(all.memory.workingSetBytes).toBeGreaterThan(20_000_000);
      expect(all.memory.workingSetBytes).toBeLessThan(40_000_000);
      expect(all.memory.cacheBytes).toBeGreaterThan(48_000_000);
      expect(all.memory.usageBytes).toBeGreaterThanOrEqual(all.memory.workingSetBytes);
      expect(all.pids).toEqual({ current: containers[0]?.counters.pids.current, limit: 99 });
    });
  });

  it('count the processes that were killed at the limit, also below the task', async () => {
    // The shell survives what its child dies of.
    const task = taskSpec([sh('tail -c 100000000 /dev/zero; echo over; sleep 600')], { memoryMiB: 32 });
    await withTask(task, async () => {
      await until(async () => (await host.call.logs(task.taskId, {})).some(({ text }) => text === 'over'));
      const { task: all, containers } = await look(task.taskId);
      expect(all.memory.oomKills).toBe(1);
      expect(containers[0]?.counters.memory.oomKills).toBe(1);
    });
  });

  it('count what it sends and receives, from its own side', async () => {
    const task = taskSpec([sh('while :; do nc -l -p 8000 > /dev/null; done')]);
    await withTask(task, async (address) => {
      await until(async () =>
        host.sh(`timeout 5 bash -c 'head -c 3000000 /dev/zero > /dev/tcp/${address}/8000' && echo sent`).catch(() => ''),
      );
      // What is sent is on its way for a moment.
      const network = await until(async () => {
        const counters = await look(task.taskId);
        return (counters.network?.rxBytes ?? 0) > 3_000_000 && counters.network;
      });
      expect(network?.rxBytes).toBeLessThan(6_000_000);
      expect(network?.txBytes).toBeLessThan(1_000_000);
      expect(network?.txPackets).toBeGreaterThan(0);
    });
  });

  it.skipIf(!hasPressure)('say how long its processes waited for a CPU (needs cgroup v2 with pressure accounting)', async () => {
    const task = taskSpec([sh('while :; do :; done & while :; do :; done')], { cpuMillis: 100 });
    await withTask(task, async () => {
      await until(async () => ((await look(task.taskId)).task.pressure?.cpu?.some10 ?? 0) > 1);
    });
  });

  it('have no pressure on a host that does not measure it', async () => {
    const task = taskSpec([sh('sleep 600')]);
    await withTask(task, async () => {
      const { pressure } = (await look(task.taskId)).task;
      expect(pressure === null).toBe(cgroup === 'v1' || !hasPressure);
    });
  });

  it('are none of a task that has gone', async () => {
    const task = taskSpec([sh('exit 0')]);
    await withTask(task, async () => {
      await exitOf(host, task.taskId);
    });
    expect(await host.call.taskStats(task.taskId)).toBeNull();
    expect(await host.call.statsHistory(task.taskId)).toEqual([]);
  });
});

describe('the history', () => {
  it('has a sample every ten seconds, without anybody looking', async () => {
    const task = taskSpec([sh('while :; do :; done')], { cpuMillis: 300 });
    await withTask(task, async () => {
      const samples = await until(async () => {
        const history = await host.call.statsHistory(task.taskId);
        return history.length >= 2 && history;
      });
      const [first, second] = samples.map(({ at }) => Date.parse(at));
      expect((second ?? 0) - (first ?? 0)).toBeGreaterThan(9_000);
      expect(samples[1]?.cpuPercent).toBeGreaterThan(10);
      expect(samples[1]?.cpuPercent).toBeLessThan(40);
      expect(samples[1]?.throttledPercent).toBeGreaterThan(50);
      expect(samples[1]?.pids).toBeGreaterThan(0);
    });
  });
});
