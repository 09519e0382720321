// Row 10: the agent is killed. Containers don't notice; the next life finds them, and what ended meanwhile.
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type BusyboxHost, busyboxHost, shellTask } from '../support/agent-host.js';
import { liveContainers, watchProcesses } from '../support/process-watch.js';

let host: BusyboxHost;
let image: string;

beforeAll(async () => {
  host = await busyboxHost();
  image = host.image;
});

afterAll(() => host?.destroy());

it('row 10: the agent is killed: containers live, are adopted, and exits in the gap keep their codes', async () => {
  const stay = Array.from({ length: 5 }, () => shellTask(image, 'sleep 1000'));
  const ends = shellTask(image, 'trap "exit 9" TERM; while :; do sleep 0.1; done', { init: false });
  const watch = watchProcesses(host.instance);
  host.run(...stay, ends);
  for (const task of [...stay, ends]) await host.reported(task, ({ state }) => state === 'running');
  const before = liveContainers(host.instance);
  expect(before).toHaveLength(6);

  await host.kill('SIGKILL');
  expect(liveContainers(host.instance)).toEqual(before);
  const victim = before.find(({ taskId }) => taskId === ends.taskId);
  process.kill(victim?.pid as number, 'SIGTERM');
  await vi.waitUntil(() => liveContainers(host.instance).length === 5, { timeout: 30_000 });

  const { hello } = await host.start();
  expect(await host.reported(ends, ({ state }) => state === 'stopped')).toMatchObject({
    stopCode: 'EssentialContainerExited',
    containers: [{ exitCode: 9 }],
  });
  for (const { taskId } of stay) expect(hello.tasks.find((task) => task.taskId === taskId)).toMatchObject({ state: 'running' });
  expect(liveContainers(host.instance)).toEqual(before.filter((live) => live !== victim));
  for (const { taskId } of [...stay, ends]) expect(watch.attempts(taskId)).toHaveLength(1);
  watch.stop();
});
