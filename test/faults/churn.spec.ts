// Row 34: tasks come and go by the thousand, in all the ways in which a task can end.

import type { TaskSpec } from '@berth/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BusyboxHost, busyboxHost, shellTask } from '../support/agent-host.js';
import { type Leftovers, leftoversOf, openFiles } from '../support/leftovers.js';
import { liveContainers, parentOf } from '../support/process-watch.js';

const tasks = 1_000;
const atOnce = 50;
/** What a process may have open more than before: a connection or a timer more or less is no leak, one a task is. */
const spareFiles = 10;
/** The agent's pool of four, and the task that stays. */
const ready = 5;
const ways = ['true', 'exit 1', 'kill -9 $$', 'sleep 1000'];
let host: BusyboxHost;
let image: string;

beforeAll(async () => {
  host = await busyboxHost({
    BERTH_AGENT_CPU_MILLIS: '100000',
    BERTH_AGENT_MEMORY_MIB: '100000',
    BERTH_AGENT_TASK_SLOTS: '200',
  });
  image = host.image;
});

afterAll(() => host?.destroy());

async function runToEnd(task: TaskSpec, way: string): Promise<void> {
  host.run(task);
  if (way === 'sleep 1000') {
    await host.reported(task, ({ state }) => state === 'running');
    host.stop(task);
  }
  const { stopCode } = await host.reported(task, ({ state }) => state === 'stopped');
  expect(stopCode).toBe(way === 'sleep 1000' ? 'UserInitiated' : 'EssentialContainerExited');
}

async function runMany(count: number): Promise<void> {
  for (let done = 0; done < count; done += atOnce) {
    const batch = Array.from({ length: Math.min(atOnce, count - done) }, (_, index) => ways[index % ways.length] as string);
    await Promise.all(batch.map((way) => runToEnd(shellTask(image, way, { init: way !== 'kill -9 $$', stopTimeoutSeconds: 0 }), way)));
    host.link.reports.splice(0);
    host.link.frames.splice(0);
  }
}

/** Once all slots are there that should be, two looks are the same. */
async function settled(): Promise<Leftovers> {
  let last: Leftovers = {};
  await expect
    .poll(
      async () => {
        const before = last;
        last = await leftoversOf(host);
        return last.slots === ready && JSON.stringify(before) === JSON.stringify(last);
      },
      { timeout: 30_000, interval: 500 },
    )
    .toBe(true);
  return last;
}

it('row 34: 1,000 starts and stops: no namespace, interface, mount, address, file, control group or process is left', async () => {
  const stays = shellTask(image, 'sleep 1000');
  host.run(stays);
  await host.reported(stays, ({ state }) => state === 'running');
  // Once round, so that what is made once is there.
  await runMany(atOnce);
  const [live] = liveContainers(host.instance);
  const keeper = parentOf(live?.pid as number);
  const agent = host.pid as number;
  const before = await settled();
  // A kind of which nothing is seen while a task runs is looked for in the wrong place.
  expect(Object.entries(before).filter(([, count]) => count === 0)).toEqual([]);
  const filesBefore = [agent, keeper].map(openFiles);

  await runMany(tasks - atOnce);

  expect(await settled()).toEqual(before);
  expect(liveContainers(host.instance)).toEqual([live]);
  [agent, keeper].forEach((pid, index) => void expect(openFiles(pid)).toBeLessThanOrEqual((filesBefore[index] as number) + spareFiles));
}, 600_000);
