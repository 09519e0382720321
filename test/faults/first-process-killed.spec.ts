// Row 12: somebody kills the first process of a container.
import { restartPolicySchema } from '@berth/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BusyboxHost, busyboxHost, shellTask } from '../support/agent-host.js';
import { liveContainers, watchProcesses } from '../support/process-watch.js';

let host: BusyboxHost;
let image: string;

beforeAll(async () => {
  host = await busyboxHost();
  image = host.image;
});

afterAll(() => host?.destroy());

const firstPid = (taskId: string) => liveContainers(host.instance).find((live) => live.taskId === taskId)?.pid as number;

it('row 12: a container’s first process is killed: the true code or signal is told', async () => {
  const killed = shellTask(image, 'sleep 1000', { init: false });
  const asked = shellTask(image, 'trap "exit 7" TERM; while :; do sleep 0.1; done', { init: false });
  host.run(killed, asked);
  for (const task of [killed, asked]) await host.reported(task, ({ state }) => state === 'running');
  process.kill(firstPid(killed.taskId), 'SIGKILL');
  process.kill(firstPid(asked.taskId), 'SIGTERM');
  const ended = { stopCode: 'EssentialContainerExited' };
  expect(await host.reported(killed, ({ state }) => state === 'stopped')).toMatchObject({
    ...ended,
    stopReason: 'Essential container main was ended by SIGKILL.',
    containers: [{ exitCode: 137, signal: 'SIGKILL', reason: null }],
  });
  expect(await host.reported(asked, ({ state }) => state === 'stopped')).toMatchObject({
    ...ended,
    containers: [{ exitCode: 7, signal: null }],
  });
  expect(liveContainers(host.instance)).toEqual([]);
});

it('row 12: a container’s first process is killed: its restart policy applies, attempt by attempt', async () => {
  const restartPolicy = restartPolicySchema.parse({ mode: 'on-failure', maxAttempts: 1, ignoredExitCodes: [7] });
  const task = shellTask(image, 'echo up; sleep 1000', { restartPolicy });
  const watch = watchProcesses(host.instance);
  host.run(task);
  await host.reported(task, ({ state }) => state === 'running');
  // Each look is one more, for an attempt may live shorter than the watch takes to look again.
  expect(watch.attempts(task.taskId)).toHaveLength(1);
  process.kill(firstPid(task.taskId), 'SIGKILL');
  const again = await host.reported(task, ({ containers }) => containers[0]?.restartCount === 1 && containers[0].state === 'running');
  expect(again).toMatchObject({ state: 'running', containers: [{ lastExit: { exitCode: 137, signal: 'SIGKILL' } }] });
  expect(watch.attempts(task.taskId)).toHaveLength(2);
  process.kill(firstPid(task.taskId), 'SIGKILL');
  expect(await host.reported(task, ({ state }) => state === 'stopped')).toMatchObject({
    stopCode: 'EssentialContainerExited',
    containers: [{ exitCode: 137, restartCount: 1 }],
  });
  expect(watch.attempts(task.taskId)).toHaveLength(2);
  expect(watch.mostAtOnce(task.taskId)).toBe(1);
  watch.stop();
});
