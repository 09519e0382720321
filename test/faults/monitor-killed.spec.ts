// Row 11: whoever holds a container's life for us, its monitor, is killed. Its containers could not be watched any more.
import { restartPolicySchema } from '@berth/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BusyboxHost, busyboxHost, shellTask } from '../support/agent-host.js';
import { liveContainers, parentOf, watchProcesses } from '../support/process-watch.js';

let host: BusyboxHost;
let image: string;

beforeAll(async () => {
  host = await busyboxHost();
  image = host.image;
});

afterAll(() => host?.destroy());

const noticedWithinMs = 5_000;

it('row 11: the monitor is killed: found in 5 s, its reason given, started again by policy', async () => {
  const ends = shellTask(image, 'sleep 1000');
  const returns = shellTask(image, 'sleep 1000', { restartPolicy: restartPolicySchema.parse({}) });
  const watch = watchProcesses(host.instance);
  host.run(ends, returns);
  for (const task of [ends, returns]) await host.reported(task, ({ state }) => state === 'running');
  const before = liveContainers(host.instance);
  const monitors = new Set(before.map(({ pid }) => parentOf(pid)));
  expect([...monitors].every((pid) => pid > 1 && pid !== host.pid)).toBe(true);

  const killedAtMs = Date.now();
  for (const monitor of monitors) process.kill(monitor, 'SIGKILL');
  const end = await host.reported(ends, ({ state }) => state === 'stopped');
  expect(end).toMatchObject({ stopCode: 'RuntimeFailed', stopReason: expect.stringMatching(/monitor/) });
  expect(Date.parse(end.containers[0]?.finishedAt as string) - killedAtMs).toBeLessThan(noticedWithinMs);
  const back = await host.reported(returns, ({ containers }) => containers[0]?.restartCount === 1 && containers[0].state === 'running');
  expect(back).toMatchObject({
    state: 'running',
    stopCode: null,
    containers: [{ lastExit: { reason: expect.stringMatching(/monitor/) } }],
  });

  const after = liveContainers(host.instance);
  expect(after.map(({ taskId }) => taskId)).toEqual([returns.taskId]);
  expect(before.map(({ pid }) => pid)).not.toContain(after[0]?.pid);
  expect(watch.attempts(returns.taskId)).toHaveLength(2);
  expect(watch.mostAtOnce(returns.taskId)).toBe(1);
  expect(watch.attempts(ends.taskId)).toHaveLength(1);
  watch.stop();
});
