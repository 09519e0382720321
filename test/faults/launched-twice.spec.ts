// Row 31: the order to run a task comes again: at once, while it runs, in another life of the agent, after its end.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BusyboxHost, busyboxHost, launchOf, shellTask } from '../support/agent-host.js';
import { liveContainers, watchProcesses } from '../support/process-watch.js';

let host: BusyboxHost;
let image: string;

beforeAll(async () => {
  host = await busyboxHost();
  image = host.image;
});

afterAll(() => host?.destroy());

it('row 31: the order to run a task is delivered again and again: one container', async () => {
  const stays = shellTask(image, 'sleep 1000');
  const ends = shellTask(image, 'exit 3');
  const watch = watchProcesses(host.instance);
  host.link.desired([launchOf(stays), launchOf(stays), launchOf(ends)]);
  host.run(stays, ends);
  await host.reported(stays, ({ state }) => state === 'running');
  await host.reported(ends, ({ state }) => state === 'stopped');
  host.run(stays, ends);
  await host.kill('SIGKILL');
  await host.start();
  host.run(stays, ends);
  // Whatever the agent makes of that, it has done it when the next task runs.
  const later = shellTask(image, 'sleep 1000');
  host.run(later);
  await host.reported(later, ({ state }) => state === 'running');

  expect(liveContainers(host.instance).map(({ taskId }) => taskId)).toEqual([stays.taskId, later.taskId]);
  expect(watch.attempts(stays.taskId)).toHaveLength(1);
  expect(watch.attempts(ends.taskId).length).toBeLessThanOrEqual(1);
  expect(host.link.reports.filter(({ taskId }) => taskId === ends.taskId).map(({ state }) => state)).not.toContain('running');
  watch.stop();
});
