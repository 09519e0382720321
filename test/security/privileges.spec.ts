// What a process inside holds: few capabilities, none to pass on, nothing to gain, user ids of its task's own, and no
// descriptor of the host's.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ContainerSpec, Isolation } from '@berth/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AttackHost, attackHost, skipWithout, tierSize, tiers } from '../support/attack-host.js';
import { copyLibraries } from '../support/copy-libraries.js';
import { containerSpec, exitOf, runToEnd, startTask, taskSpec } from '../support/runtime-task.js';

const run = promisify(execFile);
let host: AttackHost;

/** `id`, owned by root and set to run as root, whoever calls it. */
const withSetuid = `
${copyLibraries('$m', '/usr/bin/id')}
cp /usr/bin/id $m/bin/suid-id; chmod 4755 $m/bin/suid-id
`;

beforeAll(async () => {
  host = await attackHost({}, withSetuid);
});
afterAll(() => host?.destroy());

const task = (tier: Isolation, script: string, more: Partial<ContainerSpec> = {}) =>
  taskSpec([containerSpec(host.image, ['sh', '-c', script], more)], tierSize(tier));

// CHOWN 0, DAC_OVERRIDE 1, FOWNER 3, FSETID 4, KILL 5, SETGID 6, SETUID 7, SETPCAP 8, NET_BIND_SERVICE 10, SYS_CHROOT 18, SETFCAP 31
const declared = [0, 1, 3, 4, 5, 6, 7, 8, 10, 18, 31].reduce((sum, bit) => sum + 2 ** bit, 0);
const maskOf = (bits: number) => bits.toString(16).padStart(16, '0');

function statusOf(text: string): Map<string, string> {
  return new Map(
    text
      .trim()
      .split('\n')
      .map((line) => line.split(/:\s+/) as [string, string]),
  );
}

for (const tier of tiers) {
  it(`probe ${tier}: root has the declared capabilities and none to pass on`, async (context) => {
    skipWithout(tier, context);
    const { stdout } = await runToEnd(host.runtime, task(tier, 'grep ^Cap /proc/self/status'));
    const status = statusOf(stdout);
    expect([status.get('CapBnd'), status.get('CapPrm'), status.get('CapEff')]).toEqual(Array(3).fill(maskOf(declared)));
    // gVisor does not list ambient capabilities.
    expect([status.get('CapInh'), status.get('CapAmb') ?? maskOf(0)]).toEqual([maskOf(0), maskOf(0)]);
    // The control: root of the host has more.
    const { stdout: own } = await run('grep', ['^CapEff', '/proc/self/status']);
    expect(statusOf(own).get('CapEff')).not.toBe(maskOf(declared));
  });

  it(`probe ${tier}: a user that is not root has no capabilities`, async (context) => {
    skipWithout(tier, context);
    const { stdout } = await runToEnd(host.runtime, task(tier, 'grep CapEff /proc/self/status', { user: 'app' }));
    expect(statusOf(stdout).get('CapEff')).toBe(maskOf(0));
  });

  it(`probe ${tier}: a setuid program gains nothing`, async (context) => {
    skipWithout(tier, context);
    const { stdout } = await runToEnd(host.runtime, task(tier, 'suid-id -u', { user: 'app' }));
    expect(stdout.trim()).toBe('1000');
    expect(await setuidOnHost()).toBe('0');
  });

  it(`probe ${tier}: process 1 has its standard descriptors open and no others`, async (context) => {
    skipWithout(tier, context);
    const { stdout } = await runToEnd(host.runtime, task(tier, 'ls /proc/1/fd | tr "\\n" " "', { init: false }));
    // The shell itself may have its own copy of a script's descriptor open while it runs ls.
    expect(stdout.trim()).toMatch(/^0 1 2( 3)?( 10)?$/);
  });

  it(`probe ${tier}: what root writes belongs to ids of the task's own on the host`, async (context) => {
    skipWithout(tier, context);
    const [first, second] = [task(tier, 'touch /root/mine; sleep 100'), task(tier, 'touch /root/mine; sleep 100')];
    const owners: number[] = [];
    for (const spec of [first, second]) {
      await startTask(host.runtime, spec);
      owners.push(await ownerOf(spec.taskId));
    }
    for (const { taskId } of [first, second]) await host.runtime.call.cleanup(taskId);
    expect(Math.min(...owners)).toBeGreaterThanOrEqual(100_000);
    expect(Math.abs((owners[0] as number) - (owners[1] as number))).toBeGreaterThanOrEqual(65_536);
  });
}

it('probe container: nothing can be gained by execve', async () => {
  const { stdout } = await runToEnd(host.runtime, task('container', 'grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status'));
  expect(statusOf(stdout)).toEqual(
    new Map([
      ['NoNewPrivs', '1'],
      ['Seccomp', '2'],
    ]),
  );
});

it('probe sandbox: the kernel that answers is gVisor’s (control of the tier)', async (context) => {
  skipWithout('sandbox', context);
  const { stdout } = await runToEnd(host.runtime, task('sandbox', 'cat /proc/version'));
  // The version that gVisor claims to be, whatever the host's is.
  expect(stdout).toContain('Linux version 4.4.0');
  const plain = await runToEnd(host.runtime, task('container', 'cat /proc/version'));
  expect(plain.stdout).not.toContain('Linux version 4.4.0');
});

/** The owner of the file that the task's root has made. */
async function ownerOf(taskId: string): Promise<number> {
  const container = `/run/${host.runtime.instance}/tasks/${taskId}/containers/main/rootfs`;
  for (;;) {
    const owner = await host.runtime.sh(`stat -c %u ${container}/root/mine 2>/dev/null || true`);
    if (owner.trim()) return Number(owner);
    if ((await host.runtime.call.observe(taskId as never, 'main')).is === 'exited')
      throw new Error(String(await exitOf(host.runtime, taskId as never)));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The control: the same program where privileges may be gained. */
async function setuidOnHost(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-test-suid-'));
  try {
    const program = join(directory, 'id');
    await run('sh', ['-c', `chmod 755 ${directory} && install -m 4755 /usr/bin/id ${program}`]);
    return (await run('setpriv', ['--reuid=65534', '--clear-groups', program, '-u'])).stdout.trim();
  } finally {
    await rm(directory, { recursive: true });
  }
}
