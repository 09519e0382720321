// Row 21: a task writes more than its disk holds, or more files.
import { statfsSync } from 'node:fs';
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

const mib = 1024 * 1024;
const freeMiB = () => {
  const { bavail, bsize } = statfsSync(host.dataDirectory);
  return (bavail * bsize) / mib;
};

/** Succeeds when the failure is that of a full disk; then waits. */
const fillBytes = 'dd if=/dev/zero of=/big bs=1M 2>&1 | grep -q "No space left" && echo full >/dev/shm/full; sleep 1000';
const fillInodes = 'mkdir /many; cd /many; seq 100000 | xargs touch 2>&1 | grep -q "No space left" && echo full >/dev/shm/full; sleep 1000';

it.each([
  ['bytes', fillBytes],
  ['inodes', fillInodes],
])('row 21: a task fills its disk with %s: it gets ENOSPC, and nobody else does', async (_, fill) => {
  const writes =
    'i=0; while dd if=/dev/zero of=/file bs=1M count=5 conv=fsync 2>/dev/null; do i=$((i + 1)); echo $i >/dev/shm/rounds; sleep 0.1; done; exit 9';
  const small = { ephemeralStorageMiB: 64 };
  const neighbour = shellTask(image, writes, {}, small);
  const greedy = shellTask(image, fill, {}, small);
  const watch = watchProcesses(host.instance);
  const before = freeMiB();
  host.run(neighbour, greedy);
  for (const task of [neighbour, greedy]) await host.reported(task, ({ state }) => state === 'running');
  const inside = async (taskId: string, file: string) => {
    const pid = liveContainers(host.instance).find((live) => live.taskId === taskId)?.pid;
    return (await host.sh(`cat /proc/${pid}/root/dev/shm/${file} 2>/dev/null || true`)).trim();
  };
  await expect.poll(() => inside(greedy.taskId, 'full'), { timeout: 60_000 }).toBe('full');
  expect(before - freeMiB()).toBeLessThan(3 * small.ephemeralStorageMiB);
  // From now on its disk is full, and the neighbour still writes.
  const rounds = Number(await inside(neighbour.taskId, 'rounds'));
  await expect.poll(async () => Number(await inside(neighbour.taskId, 'rounds')), { timeout: 60_000 }).toBeGreaterThan(rounds + 3);
  expect(
    liveContainers(host.instance)
      .map(({ taskId }) => taskId)
      .sort(),
  ).toEqual([neighbour.taskId, greedy.taskId].sort());
  for (const task of [neighbour, greedy]) expect(watch.attempts(task.taskId)).toHaveLength(1);
  host.stop(neighbour, greedy);
  for (const task of [neighbour, greedy]) await host.reported(task, ({ state }) => state === 'stopped');
  watch.stop();
  expect(liveContainers(host.instance)).toEqual([]);
});
