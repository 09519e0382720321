// The kernel's own files, as a container sees them: those that tell of the host or steer it are empty, read-only or not
// there. The control of each is the host's own view.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AttackHost, attackHost, skipWithout, tierSize, tiers } from '../support/attack-host.js';
import { containerSpec, runToEnd, startTask, taskSpec } from '../support/runtime-task.js';

let host: AttackHost;

beforeAll(async () => {
  host = await attackHost();
});
afterAll(() => host?.destroy());

const readable = ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/proc/interrupts', '/proc/sched_debug', '/proc/latency_stats'];
const directories = ['/sys/firmware', '/proc/scsi', '/proc/acpi', '/sys/devices/virtual/powercap'];
/** Each with a value that would do no harm if it were taken. */
const writable = [
  ['/proc/sys/kernel/core_pattern', 'core'],
  ['/proc/sys/kernel/hostname', 'elsewhere'],
  ['/proc/sys/vm/overcommit_memory', '0'],
  ['/proc/sysrq-trigger', 'h'],
  ['/proc/self/attr/current', 'unconfined'],
  ['/sys/fs/cgroup/memory/memory.limit_in_bytes', '-1'],
  ['/sys/fs/cgroup/memory/release_agent', '/bin/true'],
  ['/sys/fs/cgroup/memory.max', 'max'],
  ['/sys/fs/cgroup/cgroup.procs', '1'],
  ['/sys/kernel/mm/transparent_hugepage/enabled', 'madvise'],
  ['/sys/kernel/uevent_helper', ''],
] as const;

for (const tier of tiers) {
  const inside = async (script: string) =>
    (await runToEnd(host.runtime, taskSpec([containerSpec(host.image, ['sh', '-c', script])], tierSize(tier)))).stdout;

  it(`probe ${tier}: files that tell of the host are empty`, async (context) => {
    skipWithout(tier, context);
    const script = `for f in ${readable.join(' ')}; do [ -n "$(head -c 1 $f 2>/dev/null | tr '\\0' x)" ] && echo "$f"; done; for d in ${directories.join(' ')}; do [ -n "$(ls $d 2>/dev/null)" ] && echo "$d"; done; echo done`;
    expect(await inside(script)).toBe('done\n');
    // The control: on the host at least one of them has something to tell.
    expect(await host.runtime.sh(script)).not.toBe('done\n');
  });

  it(`probe ${tier}: files that steer the host can't be written`, async (context) => {
    skipWithout(tier, context);
    const script = writable.map(([file, value]) => `[ -e ${file} ] && (echo '${value}' >${file}) 2>/dev/null && echo "${file}"`).join('; ');
    expect(await inside(`${script}; echo done`)).toBe('done\n');
    // The control: the same script tells of a file that can be written.
    expect(await inside(`: >/tmp/own; ${script.replaceAll(writable[0][0], '/tmp/own')}; echo done`)).toBe('/tmp/own\ndone\n');
  });
}

it('probe container: nothing can be made where the control groups are', async () => {
  const script = 'for d in /sys/fs/cgroup /sys/fs/cgroup/*/; do mkdir $d/new 2>/dev/null && echo $d; done; ls -d /sys/fs/cgroup';
  const { stdout } = await runToEnd(host.runtime, taskSpec([containerSpec(host.image, ['sh', '-c', script])]));
  expect(stdout).toBe('/sys/fs/cgroup\n');
});

it('probe container: its control group is the root of all it sees', async () => {
  const task = taskSpec([containerSpec(host.image, ['sh', '-c', 'cut -d: -f3 /proc/self/cgroup | sort -u; sleep 1000'])]);
  await startTask(host.runtime, task);
  await expect.poll(() => host.runtime.call.logs(task.taskId, {}), { timeout: 30_000 }).toMatchObject([{ text: '/' }]);
  // The control: the host sees the same process in the group that has the task's name.
  expect(await host.runtime.sh('cat /proc/[0-9]*/cgroup 2>/dev/null || true')).toContain(`/${task.taskId}/main\n`);
  await host.runtime.call.cleanup(task.taskId);
});
