// Row 32: a process that does not heed SIGTERM, and one that can't even die: it waits in the kernel for a file system
// that was frozen (fsfreeze), which no signal ends.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type BusyboxHost, busyboxHost, shellTask } from '../support/agent-host.js';
import { liveContainers, processesOf } from '../support/process-watch.js';

const slots = 2;
let host: BusyboxHost;
let image: string;

beforeAll(async () => {
  host = await busyboxHost({
    BERTH_AGENT_CPU_MILLIS: '1000',
    BERTH_AGENT_MEMORY_MIB: '1024',
    BERTH_AGENT_TASK_SLOTS: String(slots),
  });
  image = host.image;
});

afterAll(() => host?.destroy());

it('row 32: SIGTERM is ignored: SIGKILL after the wait', async () => {
  const task = shellTask(image, 'trap "" TERM; while :; do sleep 0.1; done', { stopTimeoutSeconds: 1, init: false });
  host.run(task);
  await host.reported(task, ({ state }) => state === 'running');
  host.stop(task);
  const report = await host.reported(task, ({ state }) => state === 'stopped');
  expect(report).toMatchObject({ stopCode: 'UserInitiated', containers: [{ exitCode: 137, signal: 'SIGKILL' }] });
  const { stopping, stopped } = report.reachedAt;
  expect(Date.parse(stopped as string) - Date.parse(stopping as string)).toBeGreaterThanOrEqual(1000);
  expect(processesOf(host.instance, task.taskId)).toEqual([]);
});

it('row 32: a process can’t die: it holds its slot, is reported, and ends when it can', async () => {
  const stuck = shellTask(image, 'while :; do echo more >>/file; done', { stopTimeoutSeconds: 0, init: false });
  host.run(stuck);
  await host.reported(stuck, ({ state }) => state === 'running');
  const [live] = liveContainers(host.instance);
  const disk = (await host.sh(`dirname $(dirname $(ls -d /run/${host.instance}/slots/*/disk/containers/main))`)).trim();
  await host.sh(`fsfreeze --freeze ${disk}`);
  try {
    await vi.waitUntil(() => /^State:\s+D/m.test(readFileSync(`/proc/${live?.pid}/status`, 'utf8')), { timeout: 10_000 });
    host.stop(stuck);
    const report = await host.reported(stuck, ({ containers }) => containers[0]?.reason != null);
    expect(report).toMatchObject({
      state: 'stopping',
      containers: [{ state: 'running', reason: expect.stringMatching(/does not die of SIGKILL/) }],
    });
    expect(liveContainers(host.instance)).toEqual([live]);

    const [beside, tooMany] = [shellTask(image, 'sleep 1000'), shellTask(image, 'sleep 1000')];
    host.run(beside, tooMany);
    const refused = await host.reported(tooMany, ({ state }) => state === 'stopped');
    expect(refused).toMatchObject({ stopCode: 'HostRefused', stopReason: `The host has all of its ${slots} task slots taken.` });
    await host.reported(beside, ({ state }) => state === 'running');
  } finally {
    await host.sh(`fsfreeze --unfreeze ${disk}`);
  }
  await host.reported(stuck, ({ state }) => state === 'stopped');
  expect(processesOf(host.instance, stuck.taskId)).toEqual([]);
  const next = shellTask(image, 'sleep 1000');
  host.run(next);
  await host.reported(next, ({ state }) => state === 'running');
});
