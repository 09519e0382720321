// The runtime's process dies and another takes its place: what it finds, what it settles, and that nothing is left over.
import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { type RuntimeHost, runtimeHost } from '../support/runtime-host.js';
import { containerSpec, exitOf, runToEnd, startTask, taskSpec, until } from '../support/runtime-task.js';

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

const sh = (script: string, more = {}) => taskSpec([containerSpec(image, ['sh', '-c', script], more)]);
const killKeeper = (taskId: string) =>
  host.sh(`kill -9 $(sed 's/.*"monitor":{"pid":\\([0-9]*\\).*/\\1/' /run/${host.instance}/tasks/${taskId}/containers/main/started.json)`);
const pidOf = async (taskId: string) => (await host.sh(`cat /run/${host.instance}/tasks/${taskId}/containers/main/pid`)).trim();

/**
 * Everything of this instance on the host, by kind. Each kind must be empty but for what is given; logs are no
 * leftovers. Ready sandboxes of the pool are not counted: the pool is made so that it has none.
 */
async function leftovers(of: RuntimeHost): Promise<Record<string, string>> {
  const run = `/run/${of.instance}`;
  return {
    mounts: await of.sh(`grep -c ' ${run}/[a-z]*/' /proc/self/mountinfo || true`),
    keepersMounts: `${(await keeperMounts(of)).filter((target) => target.startsWith(`${run}/`)).length}\n`,
    interfaces: await of.sh(`ls /sys/class/net | grep -c '^${of.instance}v' || true`),
    cgroups: await of.sh(`find /sys/fs/cgroup -mindepth 2 -maxdepth 3 -type d -path '*/${of.instance}/*' | wc -l`),
    creations: `${await processesWith(`${run}/crun `)}\n`,
    files: await of.sh(`find ${run}/tasks ${run}/crun ${run}/exits ${run}/slots -mindepth 1 | wc -l`),
    ports: await of.sh(`nft list set bridge ${of.instance} ports | grep -c 0a:58 || true`),
  };
}

/** Where something is mounted in the namespace in which containers are made. */
async function keeperMounts({ instance, sh }: RuntimeHost): Promise<string[]> {
  const found = await sh(`cat /proc/$(pgrep -f '^[^ ]*node .*/run/${instance}/keeper.sock')/mountinfo | cut -d ' ' -f 5`);
  return found.split('\n');
}

/** How many processes run with `text` among their arguments: crun's, and a container's first one that was not let go. */
async function processesWith(text: string): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.replaceAll('\0', ' ').includes(text)).length;
}

const nothing = { mounts: '0\n', keepersMounts: '0\n', interfaces: '0\n', cgroups: '0\n', creations: '0\n', files: '0\n', ports: '0\n' };

describe('after the agent was killed', () => {
  it('finds what runs, under the same pid, and what has ended meanwhile, with its code', async () => {
    const [runs, ends, killed] = [sh('sleep 600'), sh('sleep 1; exit 9'), sh('tail -f /dev/null')];
    for (const task of [runs, ends, killed]) await startTask(host, task);
    const pid = await pidOf(runs.taskId);
    await host.restart();
    await host.sh(`kill -9 ${await pidOf(killed.taskId)}`);
    await until(async () => (await host.sh(`ls /run/${host.instance}/exits`)).split('\n').filter(Boolean).length === 2);
    await host.call.start([runs.taskId, ends.taskId, killed.taskId]);

    expect(await host.call.observe(runs.taskId, 'main')).toMatchObject({ is: 'running' });
    expect(await pidOf(runs.taskId)).toBe(pid);
    expect(await host.call.observe(ends.taskId, 'main')).toMatchObject({ is: 'exited', exit: { exitCode: 9, signal: null } });
    expect(await host.call.observe(killed.taskId, 'main')).toMatchObject({
      is: 'exited',
      exit: { exitCode: 137, signal: 'SIGKILL', oomKilled: false },
    });
    const told = (await host.call.exits()).map((exit) => exit.taskId);
    expect(told.sort()).toEqual([ends.taskId, killed.taskId].sort());

    // What goes on running is watched on.
    await host.call.killContainer(runs.taskId, 'main');
    await until(async () => (await host.call.exits()).some((exit) => exit.taskId === runs.taskId));
    for (const task of [runs, ends, killed]) await host.call.cleanup(task.taskId);
  });

  it('gives new tasks neither the address nor the ids of those that run on', async () => {
    const old = sh('sleep 600');
    const address = await startTask(host, old);
    await host.restart();
    await host.call.start([old.taskId]);
    const others = Array.from({ length: 6 }, () => sh('cat /proc/self/uid_map; sleep 600'));
    const addresses: string[] = [];
    for (const task of others) addresses.push(await startTask(host, task));
    expect(new Set([address, ...addresses]).size).toBe(7);
    const maps = await Promise.all([old, ...others].map(async (task) => host.sh(`cat /proc/${await pidOf(task.taskId)}/uid_map`)));
    expect(new Set(maps).size).toBe(7);
    for (const task of [old, ...others]) await host.call.cleanup(task.taskId);
  });

  it('knows when memory ran out while nobody watched', async () => {
    const task = sh('sleep 1; tail /dev/zero');
    await startTask(host, task);
    await host.restart();
    await until(async () => (await host.sh(`ls /run/${host.instance}/exits`)).includes(task.taskId));
    await host.call.start([task.taskId]);
    expect(await host.call.observe(task.taskId, 'main')).toMatchObject({ is: 'exited', exit: { oomKilled: true } });
    await host.call.cleanup(task.taskId);
  });

  it('says absent of a container that was created and not let go, and removes it', async () => {
    const task = sh('sleep 600');
    await startTask(host, task);
    await host.restart();
    // As if the agent had died just before it wrote down that the container may go.
    await host.sh(`rm /run/${host.instance}/tasks/${task.taskId}/containers/main/started.json`);
    await host.call.start([task.taskId]);
    expect(await host.call.observe(task.taskId, 'main')).toEqual({ is: 'absent' });
    expect(await processesWith(`${task.taskId}.main`)).toBe(0);
    // It can then be started for the first time.
    await host.call.startContainer(task, task.containers[0] as never);
    expect(await host.call.observe(task.taskId, 'main')).toMatchObject({ is: 'running' });
    await host.call.cleanup(task.taskId);
  });

  it('removes all that belongs to tasks nobody knows any more', async () => {
    const bare = await runtimeHost({ insecureRegistries: [registry.address], poolSize: 0 });
    await bare.call.start([]);
    const tasks = [sh('sleep 600'), sh('exit 3')];
    for (const task of tasks) await startTask(bare, task);
    await bare.call.prepare(sh('true'));
    await bare.restart();
    await bare.call.start([]);
    await expect.poll(() => leftovers(bare), { timeout: 10_000 }).toEqual(nothing);
    for (const task of tasks) expect(await bare.call.observe(task.taskId, 'main')).toEqual({ is: 'absent' });
    await bare.destroy();
  });
});

describe('a keeper that is killed', () => {
  it('ends its containers, for the platform’s fault, and is noticed', async () => {
    const task = sh('sleep 600');
    await startTask(host, task);
    const pid = await pidOf(task.taskId);
    await killKeeper(task.taskId);
    const seen = await until(async () => (await host.call.exits()).find((exit) => exit.taskId === task.taskId));
    expect(seen.exit.runtimeFailure).toMatch(/monitor of the container was killed/);
    await until(async () => (await host.sh(`grep -c State /proc/${pid}/status 2>/dev/null || echo gone`)).includes('gone'));
    expect(await host.call.observe(task.taskId, 'main')).toMatchObject({ is: 'exited', exit: seen.exit });
    await host.call.cleanup(task.taskId);
  });

  it('has a successor, which keeps what is started next', async () => {
    const first = sh('sleep 600');
    await startTask(host, first);
    await killKeeper(first.taskId);
    await until(async () => (await host.call.exits()).find((exit) => exit.taskId === first.taskId));
    expect(await runToEnd(host, sh('echo hello; exit 3'))).toMatchObject({ exit: { exitCode: 3 }, stdout: 'hello\n' });
    await host.call.cleanup(first.taskId);
  });
});

describe('the namespace in which containers are made', () => {
  it('has the root file systems of those that run, and no sandbox: crun reads and copies all mounts for each container', async () => {
    const task = sh('sleep 600');
    await startTask(host, task);
    const here = (await host.sh("cut -d ' ' -f 5 /proc/self/mountinfo")).split('\n');
    const sandboxes = `/run/${host.instance}/slots/`;
    const rootfs = `/run/${host.instance}/tasks/${task.taskId}/containers/main/rootfs`;
    expect(here.filter((target) => target.startsWith(sandboxes))).not.toEqual([]);
    const there = await keeperMounts(host);
    expect(there.filter((target) => target.startsWith(sandboxes))).toEqual([]);
    expect(there).toContain(rootfs);
    await host.call.cleanup(task.taskId);
    expect(await keeperMounts(host)).not.toContain(rootfs);
  });
});

describe('cleaning up', () => {
  it('is safe without anything, twice, and while the task runs', async () => {
    const task = sh('sleep 600');
    await host.call.cleanup(task.taskId);
    await startTask(host, task);
    await host.call.cleanup(task.taskId);
    await host.call.cleanup(task.taskId);
    expect(await host.call.observe(task.taskId, 'main')).toEqual({ is: 'absent' });
  });

  it('ends a task that forks as fast as it can', async () => {
    const task = { ...sh('b() { b | b & }; b; sleep 600', { init: false }), pidsLimit: 60 };
    await startTask(host, task);
    await host.call.cleanup(task.taskId);
    expect(await host.sh(`ls -d /sys/fs/cgroup/*/${host.instance}/${task.taskId} 2>/dev/null | wc -l`)).toBe('0\n');
  });

  it('leaves nothing of 100 tasks', async () => {
    const bare = await runtimeHost({ insecureRegistries: [registry.address], poolSize: 0 });
    await bare.call.start([]);
    const descriptors = (await bare.call.descriptors()).length;
    const scripts = ['true', 'exit 1', 'sleep 600', 'kill -9 $$'];
    for (let round = 0; round < 25; round++) {
      await Promise.all(
        scripts.map(async (script) => {
          const task = sh(script);
          await startTask(bare, task);
          if (script !== 'sleep 600') await exitOf(bare, task.taskId);
          await bare.call.cleanup(task.taskId);
        }),
      );
    }
    // A container process that was killed is gone for the kernel a moment after it is for us.
    await expect.poll(() => leftovers(bare), { timeout: 10_000 }).toEqual(nothing);
    expect((await bare.call.descriptors()).length).toBeLessThanOrEqual(descriptors + 2);
    await bare.destroy();
    expect(
      await host.sh(
        `ls -d /run/${bare.instance} 2>/dev/null; ip -o link | grep ${bare.instance}; nft list tables | grep ${bare.instance}; true`,
      ),
    ).toBe('');
  }, 900_000);
});

describe('a burst', () => {
  it('leaves nothing, though more sandboxes go at once than the agent may unmount at once', async () => {
    const wide = { subnet: '10.60.0.0/22', uidRanges: 1000 };
    const bare = await runtimeHost({ insecureRegistries: [registry.address], poolSize: 0, ...wide });
    await bare.call.start([]);
    const tasks = Array.from({ length: 300 }, () => sh('true'));
    await Promise.all(tasks.map((task) => bare.call.prepare(task)));
    await Promise.all(tasks.map((task) => bare.call.cleanup(task.taskId)));
    await expect.poll(() => leftovers(bare), { timeout: 60_000 }).toEqual(nothing);
    await bare.destroy();
  }, 300_000);
});

describe('tasks one after the other', () => {
  it('use an address again only when nothing of the former is left', async () => {
    const seen = new Set<string>();
    for (let turn = 0; turn < 3; turn++) {
      const { stdout } = await runToEnd(host, sh("ip -4 -o addr show eth0 | sed 's/.*inet \\([0-9.]*\\).*/\\1/'"));
      seen.add(stdout);
    }
    expect(seen.size).toBe(3);
  });
});
