// Whatever a container uses up is its own: processes, memory, shared memory, disk. A neighbour that runs meanwhile goes
// on, and the host starts another task right after.
import type { Isolation } from '@berth/contract';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type AttackHost, attackHost, skipWithout, tierSize, tiers } from '../support/attack-host.js';
import { containerSpec, runToEnd, startTask, taskSpec } from '../support/runtime-task.js';

let host: AttackHost;
let neighbour: ReturnType<typeof taskSpec>;

beforeAll(async () => {
  host = await attackHost();
  neighbour = sh('container', 'i=0; while :; do i=$((i+1)); echo $i >/tmp/beat; sleep 0.1; done');
  await startTask(host.runtime, neighbour);
});
afterAll(() => host?.destroy());

const sh = (tier: Isolation, script: string, more = {}) =>
  taskSpec([containerSpec(host.image, ['sh', '-c', script])], { ...tierSize(tier), ...more });

const rootfsOf = (taskId: string) => `/run/${host.runtime.instance}/tasks/${taskId}/containers/main/rootfs`;
const beat = async () => Number(await host.runtime.sh(`cat ${rootfsOf(neighbour.taskId)}/tmp/beat || echo 0`));

let before = 0;
beforeEach(async () => {
  before = await beat();
});

/** The neighbour lives on, and there is room for a new task. */
async function expectUnharmed(): Promise<void> {
  expect((await runToEnd(host.runtime, sh('container', 'echo alive'))).stdout).toBe('alive\n');
  await expect.poll(beat, { timeout: 20_000 }).toBeGreaterThan(before);
}

for (const tier of tiers) {
  it(`probe ${tier}: a fork bomb meets the task's own limit`, async (context) => {
    skipWithout(tier, context);
    // What is limited of a sandbox is threads of the host, sixteen for each process and 512 for gVisor, and it ends with them. A
    // process that sleeps has one or two: it takes many more of them than the task may have.
    const bomb = (most: number, pidsLimit: number) => {
      const forks = `while ($n < ${most}) { my $p = fork; last unless defined $p; if (!$p) { sleep 100 } $n++ }`;
      const script = `$| = 1; my $n = 0; ${forks} print "$n $!\\n"; kill "KILL", -$$`;
      const size = { ...tierSize(tier), memoryMiB: 2048, pidsLimit };
      return runToEnd(host.runtime, taskSpec([containerSpec(host.image, ['perl', '-e', script])], size));
    };
    const most = tier === 'sandbox' ? 900 : 120;
    const { stdout } = await bomb(most, tier === 'sandbox' ? 16 : 64);
    if (tier === 'container') expect(stdout).toMatch(/^\d\d Resource temporarily unavailable/);
    else expect(stdout).toBe('');
    await expectUnharmed();
    // The control: with a higher limit the same program goes beyond this one, up to its own bound.
    expect((await bomb(most, 512)).stdout).toMatch(new RegExp(`^${most} `));
  });

  it(`probe ${tier}: memory ends at the task's limit, and with the task`, async (context) => {
    skipWithout(tier, context);
    // In a sandbox by files in memory: to touch page by page takes gVisor minutes under ptrace, its own kernel writes at once.
    const tmpfs = [{ path: '/memory', sizeMiB: 512, mode: '1777', uid: 0, gid: 0, exec: false }];
    const eating = {
      container: containerSpec(host.image, ['perl', '-e', 'my @a; push @a, "x" x 1048576 for 1 .. 300']),
      sandbox: containerSpec(host.image, ['dd', 'if=/dev/zero', 'of=/memory/x', 'bs=1M', 'count=300'], { tmpfs }),
    }[tier];
    const memoryMiB = tier === 'sandbox' ? 96 : 64;
    const { exit } = await runToEnd(host.runtime, taskSpec([eating], { ...tierSize(tier), memoryMiB }));
    expect(exit).toMatchObject({ exitCode: 137, oomKilled: true });
    await expectUnharmed();
    // The control: where there is enough, the same program comes to its end.
    const wider = await runToEnd(host.runtime, taskSpec([eating], { ...tierSize(tier), memoryMiB: 512 }));
    expect(wider.exit).toMatchObject({ exitCode: 0, oomKilled: false });
  });

  it(`probe ${tier}: shared memory is bounded`, async (context) => {
    skipWithout(tier, context);
    const writtenOf = async (shmSizeMiB: number) => {
      const script = 'dd if=/dev/zero of=/dev/shm/x bs=1M count=200 2>/dev/null; wc -c </dev/shm/x';
      const task = taskSpec([containerSpec(host.image, ['sh', '-c', script], { shmSizeMiB })], { ...tierSize(tier), memoryMiB: 512 });
      return Number((await runToEnd(host.runtime, task)).stdout) / 1024 / 1024;
    };
    expect(await writtenOf(64)).toBe(64);
    await expectUnharmed();
    // The control: with more it gets further.
    expect(await writtenOf(128)).toBe(128);
  });

  it(`probe ${tier}: a disk flood ends at the task’s own size`, async (context) => {
    skipWithout(tier, context);
    const script = 'dd if=/dev/zero of=/fill bs=1M count=400 2>/dev/null; wc -c </fill';
    const { stdout } = await runToEnd(host.runtime, sh(tier, script, { ephemeralStorageMiB: 64 }));
    expect(Number(stdout)).toBeLessThan(64 * 1024 * 1024);
    await expectUnharmed();
    // The control: with more it gets further.
    const wider = await runToEnd(host.runtime, sh(tier, script, { ephemeralStorageMiB: 256 }));
    expect(Number(wider.stdout)).toBeGreaterThan(128 * 1024 * 1024);
  });

  it(`probe ${tier}: a flood of small writes, each to the disk, holds nobody up`, async (context) => {
    skipWithout(tier, context);
    const flood = sh(tier, 'while :; do dd if=/dev/zero of=/small bs=4k count=64 conv=fsync 2>/dev/null; echo >>/written; done');
    await startTask(host.runtime, flood);
    const written = () => host.runtime.sh(`wc -c <${rootfsOf(flood.taskId)}/written 2>/dev/null || echo 0`);
    await expect.poll(async () => Number(await written()), { timeout: 60_000 }).toBeGreaterThan(3);
    await expectUnharmed();
    const before = Number(await written());
    // The control: the flood went on meanwhile.
    await expect.poll(async () => Number(await written()), { timeout: 60_000 }).toBeGreaterThan(before);
    await host.runtime.call.cleanup(flood.taskId);
  });

  it(`probe ${tier}: two neighbours that spin are held to their share of the CPU`, async (context) => {
    skipWithout(tier, context);
    const spin = (cpuBurst: boolean) => sh(tier, 'while :; do :; done', { cpuMillis: 100, cpuBurst });
    const held = [spin(false), spin(false)];
    const free = spin(true);
    for (const task of [...held, free]) await startTask(host.runtime, task);
    const throttled = async (task: typeof free) => (await host.runtime.call.taskStats(task.taskId))?.task.cpu.throttledPeriods ?? 0;
    for (const task of held) await expect.poll(() => throttled(task), { timeout: 60_000 }).toBeGreaterThan(5);
    await expectUnharmed();
    // The control: whoever has no limit is never held back.
    expect(await throttled(free)).toBe(0);
    for (const { taskId } of [...held, free]) await host.runtime.call.cleanup(taskId);
  });
}
