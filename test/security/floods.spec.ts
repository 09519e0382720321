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
    // Inside gVisor processes are its kernel's own: what is limited there is threads of the host.
    const script =
      'my $n = 0; while ($n < 5000) { my $p = fork; last unless defined $p; if (!$p) { sleep 100 } $n++ } print "$n $!\\n"; kill "KILL", -$$';
    const task = taskSpec([containerSpec(host.image, ['perl', '-e', `$| = 1; ${script}`])], {
      ...tierSize(tier),
      pidsLimit: tier === 'sandbox' ? 512 : 64,
    });
    const { stdout, exit } = await runToEnd(host.runtime, task);
    if (tier === 'container') expect(stdout).toMatch(/^\d\d Resource temporarily unavailable/);
    else expect([exit.exitCode === 0, Number(stdout.split(' ')[0]) < 5000]).not.toEqual([true, false]);
    await expectUnharmed();
  });

  it(`probe ${tier}: memory ends at the task's limit, and with the task`, async (context) => {
    skipWithout(tier, context);
    if (tier === 'sandbox')
      context.skip('under ptrace gVisor did not come to its limit within two minutes: not shown to hold in a sandbox');
    const { exit } = await runToEnd(
      host.runtime,
      taskSpec([containerSpec(host.image, ['perl', '-e', 'my @a; while (1) { push @a, "x" x 1048576 }'])], tierSize(tier)),
    );
    expect(exit).toMatchObject({ exitCode: 137, oomKilled: true });
    await expectUnharmed();
  });

  it(`probe ${tier}: shared memory is bounded`, async (context) => {
    skipWithout(tier, context);
    const { stdout } = await runToEnd(
      host.runtime,
      sh(tier, 'dd if=/dev/zero of=/dev/shm/x bs=1M count=200 2>&1 | tail -1; echo ended', { memoryMiB: 512 }),
    );
    if (tier === 'container') expect(stdout).toMatch(/No space left on device|^64\+0 records out/m);
    await expectUnharmed();
  });
}

it('probe container: a disk flood ends at the task’s own size', async () => {
  const script = 'dd if=/dev/zero of=/fill bs=1M count=400 2>/dev/null; wc -c </fill';
  const { stdout } = await runToEnd(host.runtime, sh('container', script, { ephemeralStorageMiB: 64 }));
  expect(Number(stdout)).toBeLessThan(64 * 1024 * 1024);
  await expectUnharmed();
  // The control: with more it gets further.
  const wider = await runToEnd(host.runtime, sh('container', script, { ephemeralStorageMiB: 256 }));
  expect(Number(wider.stdout)).toBeGreaterThan(128 * 1024 * 1024);
});

it('probe container: a flood of small writes, each to the disk, holds nobody up', async () => {
  const flood = sh('container', 'while :; do dd if=/dev/zero of=/small bs=4k count=64 conv=fsync 2>/dev/null; echo >>/written; done');
  await startTask(host.runtime, flood);
  const written = () => host.runtime.sh(`wc -c <${rootfsOf(flood.taskId)}/written 2>/dev/null || echo 0`);
  await expect.poll(async () => Number(await written()), { timeout: 60_000 }).toBeGreaterThan(3);
  await expectUnharmed();
  const before = Number(await written());
  // The control: the flood went on meanwhile.
  await expect.poll(async () => Number(await written()), { timeout: 60_000 }).toBeGreaterThan(before);
  await host.runtime.call.cleanup(flood.taskId);
});

it('probe container: two neighbours that spin are held to their share of the CPU', async () => {
  const spin = (cpuBurst: boolean) => sh('container', 'while :; do :; done', { cpuMillis: 100, cpuBurst });
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
