// Real containers that are given another size, are held and let go on, and get signals.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TaskCounters } from '../../agent/src/runtime/stats-rates.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { type RuntimeHost, runtimeHost } from '../support/runtime-host.js';
import { containerSpec, exitOf, startTask, taskSpec, until } from '../support/runtime-task.js';

const mib = 1024 * 1024;
let registry: TestRegistry;
let host: RuntimeHost;
let image: string;

beforeAll(async () => {
  registry = await startRegistry();
  image = await registry.push('busybox', {});
  host = await runtimeHost({ insecureRegistries: [registry.address] });
  await host.call.start([]);
});
afterAll(async () => {
  await host?.destroy();
  await registry?.stop();
});

type Task = ReturnType<typeof taskSpec>;
const sh = (script: string, more = {}) => containerSpec(image, ['sh', '-c', script], more);

/** Takes the task away however the test ends. */
async function withTask(spec: Task, work: () => Promise<void>): Promise<void> {
  await startTask(host, spec);
  try {
    await work();
  } finally {
    await host.call.cleanup(spec.taskId);
  }
}

async function look({ taskId }: Task): Promise<TaskCounters> {
  const counters = await host.call.taskStats(taskId);
  if (!counters) throw new Error('the task is not there');
  return counters;
}

const says = ({ taskId }: Task, word: string) =>
  until(async () => (await host.call.logs(taskId, {})).some(({ text }) => text.includes(word)));

describe('resize', () => {
  it('lets a task use more CPU, and less again, while it runs', async () => {
    const task = taskSpec([sh('while :; do :; done')], { cpuMillis: 100 });
    await withTask(task, async () => {
      /** CPU milliseconds in a second, from the kernel's own count of time and use. */
      const used = async () => {
        const before = await look(task);
        const after = await until(async () => {
          const now = await look(task);
          return now.atMs - before.atMs >= 1500 && now;
        });
        return (after.task.cpu.usedNs - before.task.cpu.usedNs) / 1000 / (after.atMs - before.atMs);
      };
      expect(await used()).toBeLessThan(200);
      await host.call.resize({ ...task, cpuMillis: 600 });
      expect(await used()).toBeGreaterThan(250);
      await host.call.resize({ ...task, cpuMillis: 100 });
      expect(await used()).toBeLessThan(200);
    });
  });

  it('lets a task use more memory: what would have killed it does not', async () => {
    const task = taskSpec(
      [sh('trap "head -c 60000000 /dev/zero | tail -c 60000000 > /dev/null; echo survived" USR1; echo ready; while :; do sleep 0.1; done')],
      {
        memoryMiB: 32,
      },
    );
    await withTask(task, async () => {
      await says(task, 'ready');
      await host.call.resize({ ...task, memoryMiB: 200 });
      expect((await look(task)).task.memory.limitBytes).toBe(200 * mib);
      await host.call.signal(task.taskId, 'main', 'SIGUSR1');
      await says(task, 'survived');
      expect((await look(task)).task.memory.oomKills).toBe(0);
    });
  });

  it('takes memory away that holds files, which the kernel gives back', async () => {
    const task = taskSpec([sh('head -c 60000000 /dev/zero > /file; cat /file > /dev/null; echo ready; sleep 600')], { memoryMiB: 128 });
    await withTask(task, async () => {
      await says(task, 'ready');
      await host.call.resize({ ...task, memoryMiB: 48 });
      const { memory } = (await look(task)).task;
      expect(memory.limitBytes).toBe(48 * mib);
      expect(memory.usageBytes).toBeLessThanOrEqual(48 * mib);
      expect((await host.call.observe(task.taskId, 'main')).is).toBe('running');
    });
  });

  it('is refused when the task uses more, with the amount; limits and processes are as before', async () => {
    const task = taskSpec([sh('head -c 60000000 /dev/zero > /dev/shm/kept; echo ready; sleep 600')], { memoryMiB: 128, cpuMillis: 300 });
    await withTask(task, async () => {
      await says(task, 'ready');
      const refusal = await host.call.resize({ ...task, memoryMiB: 32, cpuMillis: 100 }).catch((error: Error) => error.message);
      expect(refusal).toMatch(/^The task uses \d+ MiB of memory at the moment, more than 32 MiB\.$/);
      const { memory } = (await look(task)).task;
      expect([memory.limitBytes, memory.oomKills]).toEqual([128 * mib, 0]);
      expect((await host.call.observe(task.taskId, 'main')).is).toBe('running');
    });
  });
});

describe('freeze', () => {
  /** How many lines it has written, once no more come for a while. */
  async function settledCount({ taskId }: Task): Promise<number> {
    let last = -1;
    return until(async () => {
      await new Promise((resolve) => setTimeout(resolve, 400));
      const count = (await host.call.logs(taskId, { tail: null })).length;
      const settled = count === last;
      last = count;
      return settled && count;
    });
  }

  const ticking = () =>
    taskSpec([sh('while :; do echo tick; sleep 0.1; done'), sh('while :; do :; done', { name: 'busy' })], { cpuMillis: 300 });

  it('holds every process of every container, and thaw lets them go on', async () => {
    const task = ticking();
    await withTask(task, async () => {
      await says(task, 'tick');
      await host.call.setFrozen(task.taskId, true);
      await host.call.setFrozen(task.taskId, true);
      const count = await settledCount(task);
      const before = (await look(task)).task.cpu.usedNs;
      expect(await settledCount(task)).toBe(count);
      expect((await look(task)).task.cpu.usedNs).toBe(before);
      expect((await host.call.observe(task.taskId, 'main')).is).toBe('running');
      await host.call.setFrozen(task.taskId, false);
      await until(async () => (await host.call.logs(task.taskId, { tail: null })).length > count);
      await until(async () => (await look(task)).task.cpu.usedNs > before);
    });
  });

  it('outlives the agent', async () => {
    const task = ticking();
    await withTask(task, async () => {
      await says(task, 'tick');
      await host.call.setFrozen(task.taskId, true);
      await host.restart();
      await host.call.start([task.taskId]);
      const count = await settledCount(task);
      expect(await settledCount(task)).toBe(count);
      await host.call.setFrozen(task.taskId, false);
      await until(async () => (await host.call.logs(task.taskId, { tail: null })).length > count);
    });
  });

  it('is no way to escape the end: a frozen task can be killed and cleaned up', async () => {
    const task = ticking();
    await withTask(task, async () => {
      await says(task, 'tick');
      await host.call.setFrozen(task.taskId, true);
      await host.call.killContainer(task.taskId, 'main');
      await host.call.setFrozen(task.taskId, false);
      expect(await exitOf(host, task.taskId)).toMatchObject({ exitCode: 137, signal: 'SIGKILL' });
      await host.call.setFrozen(task.taskId, true);
      await host.call.cleanup(task.taskId);
      expect(await host.call.taskStats(task.taskId)).toBeNull();
      expect(await host.sh(`find /sys/fs/cgroup -maxdepth 4 -name '${task.taskId}' -not -path '*/unified/*'`)).toBe('');
    });
  });
});

describe('a signal', () => {
  it('reaches the program, and says when there is none', async () => {
    const task = taskSpec([sh('trap "echo got HUP" HUP; trap "echo got USR1; exit 7" USR1; echo ready; while :; do sleep 0.1; done')]);
    await withTask(task, async () => {
      await says(task, 'ready');
      expect(await host.call.signal(task.taskId, 'main', 'SIGHUP')).toBe(true);
      await says(task, 'got HUP');
      expect(await host.call.signal(task.taskId, 'main', 'SIGUSR1')).toBe(true);
      expect((await exitOf(host, task.taskId)).exitCode).toBe(7);
      expect(await host.call.signal(task.taskId, 'main', 'SIGHUP')).toBe(false);
      expect(await host.call.signal(task.taskId, 'other', 'SIGHUP')).toBe(false);
    });
  });
});
