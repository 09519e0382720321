// Row 13: the host was restarted, or a pid is somebody else's by now. The kernel's boot id is another one for the agent
// (in its own mount namespace), and every process of the instance is gone, as after a real restart.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type BusyboxHost, busyboxHost, shellTask } from '../support/agent-host.js';
import { liveContainers, parentOf, watchProcesses } from '../support/process-watch.js';

let host: BusyboxHost;
let image: string;

beforeAll(async () => {
  host = await busyboxHost();
  image = host.image;
});

afterAll(() => host?.destroy());

const bootIdFile = '/proc/sys/kernel/random/boot_id';

/** Ends whatever of the instance runs, the agent first, as the end of a machine does. */
async function killEverything(): Promise<void> {
  const first = liveContainers(host.instance).map(({ pid }) => pid);
  const monitors = new Set(first.map(parentOf));
  await host.kill('SIGKILL');
  for (const pid of [...monitors, ...first]) process.kill(pid, 'SIGKILL');
  await vi.waitUntil(() => liveContainers(host.instance).length === 0, { timeout: 30_000 });
}

it('row 13: the host is restarted: its tasks are lost, by the boot id, and none of them comes back', async () => {
  const restartPolicy = { mode: 'always' as const, ignoredExitCodes: [], resetAfterSeconds: 600 };
  const tasks = [shellTask(image, 'sleep 1000'), shellTask(image, 'sleep 1000', { restartPolicy })];
  const watch = watchProcesses(host.instance);
  host.run(...tasks);
  for (const task of tasks) await host.reported(task, ({ state }) => state === 'running');
  await killEverything();
  const file = `${host.dataDirectory}/boot-id`;
  await host.sh(`echo ${randomUUID()} >${file} && mount --bind ${file} ${bootIdFile}`);
  expect(await host.sh(`cat ${bootIdFile}`)).not.toBe(readFileSync(bootIdFile, 'utf8'));

  await host.start();
  for (const task of tasks) {
    const report = await host.reported(task, ({ state }) => state === 'stopped');
    expect(report).toMatchObject({ stopCode: 'HostRebooted', containers: [{ state: 'exited', reason: 'The host was restarted.' }] });
    expect(watch.attempts(task.taskId)).toHaveLength(1);
  }
  // Something mounted on /proc keeps the kernel from letting containers mount their own. The keeper's namespace has it too.
  await host.kill('SIGKILL');
  await host.sh(`umount ${bootIdFile}; pkill -9 -f "/run/${host.instance}/[k]eeper.sock"`);
  await host.start();
  const next = shellTask(image, 'sleep 1000');
  host.run(next);
  await host.reported(next, ({ state }) => state === 'running');
  host.stop(next);
  await host.reported(next, ({ state }) => state === 'stopped');
  watch.stop();
});

it('row 13: a pid that is somebody else’s by now: it counts as gone, and nobody touches the other', async () => {
  const task = shellTask(image, 'sleep 1000');
  host.run(task);
  await host.reported(task, ({ state }) => state === 'running');
  const [first] = liveContainers(host.instance);
  await killEverything();
  const bystander: ChildProcess = spawn('sleep', ['1000'], { stdio: 'ignore' });
  const record = `/run/${host.instance}/tasks/${task.taskId}/containers/main/started.json`;
  // As if the bystander had been given the pids of the dead: its start time is another one.
  const text = (await host.sh(`cat ${record}`)).replace(/"pid":\d+/g, `"pid":${bystander.pid}`);
  expect(text).toContain(`"startTicks":${first?.startTicks}`);
  await host.sh(`cat >${record} <<'END'\n${text}\nEND`);

  await host.start();
  expect(await host.reported(task, ({ state }) => state === 'stopped')).toMatchObject({ containers: [{ state: 'exited' }] });
  expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
  bystander.kill('SIGKILL');
});
