// Rows 22 to 24: too much memory, of a task and of the whole host, and too many processes.
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AgentHost, type BusyboxHost, busyboxHost, shellTask } from '../support/agent-host.js';
import { liveContainers, processesOf } from '../support/process-watch.js';

let host: BusyboxHost;
let image: string;

beforeAll(async () => {
  host = await busyboxHost();
  image = host.image;
});

afterAll(() => host?.destroy());

/** tail keeps what has no end of line. */
const eatMemory = 'tail /dev/zero';

it('row 22: a task over its memory ends with 137 and the reason OutOfMemory, and its neighbour goes on', async () => {
  const neighbour = shellTask(image, 'sleep 1000');
  const hungry = { ...shellTask(image, eatMemory), memoryMiB: 32 };
  host.run(neighbour, hungry);
  expect(await host.reported(hungry, ({ state }) => state === 'stopped')).toMatchObject({
    stopCode: 'OutOfMemory',
    containers: [{ exitCode: 137, signal: 'SIGKILL' }],
  });
  expect(liveContainers(host.instance).map(({ taskId }) => taskId)).toEqual([neighbour.taskId]);
  host.stop(neighbour);
  await host.reported(neighbour, ({ state }) => state === 'stopped');
});

it('row 23: the host runs out of memory: a task dies, never the agent', async (context) => {
  // The host's memory is played by a control group that holds the agent and all tasks. The task may have far more than
  // that, so it is not its own limit that it meets.
  const group = `/sys/fs/cgroup/memory/${host.instance}`;
  if (!readdirSync('/sys/fs/cgroup').includes('memory')) return context.skip('the test needs cgroup v1');
  const agent = await agentProcesses(host);
  const hungry = { ...shellTask(image, `sleep 1; ${eatMemory}`), memoryMiB: 4096 };
  const before = await host.sh(`cat ${group}/memory.limit_in_bytes`);
  await host.sh(`mkdir -p ${group}/agent; for p in ${agent.join(' ')}; do echo $p >${group}/agent/cgroup.procs; done`);
  try {
    host.run(hungry);
    await host.reported(hungry, ({ state }) => state === 'running');
    await host.sh(`echo $((400 * 1024 * 1024)) >${group}/memory.limit_in_bytes`);
    expect(await host.reported(hungry, ({ state }) => state === 'stopped')).toMatchObject({ containers: [{ exitCode: 137 }] });
    expect(await agentProcesses(host)).toEqual(agent);
    // It is the same agent, and in order.
    const next = shellTask(image, 'exit 3');
    host.run(next);
    expect(await host.reported(next, ({ state }) => state === 'stopped')).toMatchObject({ containers: [{ exitCode: 3 }] });
  } finally {
    await host.sh(`echo ${before.trim()} >${group}/memory.limit_in_bytes || true
      for p in $(cat ${group}/agent/cgroup.procs); do echo $p >/sys/fs/cgroup/memory/cgroup.procs; done; rmdir ${group}/agent`);
  }
});

it('row 24: a fork bomb meets the task’s limit of processes, and nobody else notices', async () => {
  // A shell gives up when it cannot fork, and the usual bomb of shells fizzles out; awk goes on trying.
  const bomb = { ...shellTask(image, `exec awk 'BEGIN { while (1) system("sleep 1000 &") }'`), pidsLimit: 32 };
  host.run(bomb);
  await host.reported(bomb, ({ state }) => state === 'running');
  await expect.poll(() => processesOf(host.instance, bomb.taskId).length, { timeout: 20_000 }).toBeGreaterThan(28);
  for (let look = 0; look < 20; look++) expect(processesOf(host.instance, bomb.taskId).length).toBeLessThanOrEqual(32);
  const other = shellTask(image, 'exit 0');
  host.run(other);
  expect(await host.reported(other, ({ state }) => state === 'stopped')).toMatchObject({ containers: [{ exitCode: 0 }] });
  host.stop(bomb);
  await host.reported(bomb, ({ state }) => state === 'stopped');
  expect(processesOf(host.instance, bomb.taskId)).toEqual([]);
});

/** The agent and whatever belongs to it but the keeper of the containers, which must live on without it. */
async function agentProcesses({ pid }: AgentHost): Promise<number[]> {
  const children = (of: number): number[] => {
    try {
      return readFileSync(`/proc/${of}/task/${of}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
    } catch {
      return [];
    }
  };
  const below = (of: number): number[] => [of, ...children(of).flatMap(below)];
  return below(pid as number).filter((one) => !readFileSync(`/proc/${one}/cmdline`, 'utf8').includes('keeper/main'));
}
