// Row 20: the file system that the agent has its data on is full, of bytes and of inodes. It is a small one in a file of
// its own, behind a loop device. The whole of Berth takes part, for it is the scheduler that has to keep away.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Task } from '@berth/contract';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { liveContainers } from '../support/process-watch.js';
import { type RealHost, startRealHost } from '../support/real-host.js';

const patience = { timeout: 60_000, interval: 100 };
const sh = (script: string) => execFileSync('sh', ['-c', script], { encoding: 'utf8' });

let directory: string;
let disk: string;
let host: RealHost;
let image: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'berth-test-full-'));
  disk = join(directory, 'disk');
  sh(`mkdir ${disk} && truncate -s 700M ${disk}.img && mkfs.ext4 -q -m 0 -N 3000 ${disk}.img && mount -o loop ${disk}.img ${disk}`);
  host = await startRealHost(join(disk, 'data'));
  image = await host.registry.push('busybox', {});
});

afterAll(async () => {
  await host?.stop();
  sh(`umount ${disk}`);
  rmSync(directory, { recursive: true, force: true });
});

const api = () => host.berth.as(host.tenant.key);
const taskOf = async (id: string): Promise<Task> => (await api().get(`/v1/tasks/${id}`).expect(200)).body;
const pressure = async (): Promise<string | null> =>
  (await host.berth.as(host.berth.operatorKey).get('/v1/hosts').expect(200)).body.items[0].diskPressure;
const alive = () => liveContainers(host.instance).map(({ taskId, pid, startTicks }) => ({ taskId, pid, startTicks }));

it.each([
  ['bytes', () => sh(`dd if=/dev/zero of=${disk}/ballast bs=1M 2>/dev/null || true`), /MiB left/],
  ['inodes', () => sh(`mkdir ${disk}/ballast; cd ${disk}/ballast; seq 3000 | xargs touch 2>/dev/null || true`), /inodes left/],
])('row 20: the host has no %s left: what runs goes on, nothing new comes, and all is well again by itself', async (_, fill, words) => {
  const command = ['sh', '-c', 'trap "exit 7" TERM; while :; do date; sleep 0.2; done'];
  const before = await host.run({ image, command });
  const processes = alive();
  expect(processes.map(({ taskId }) => taskId)).toEqual([before.id]);

  fill();
  await vi.waitUntil(async () => words.test((await pressure()) ?? ''), patience);
  const definition = { family: 'late', ephemeralStorageMiB: 64, containers: [{ name: 'main', image, command: ['sleep', '1000'] }] };
  const [late] = (await api().post('/v1/tasks').send({ definition }).expect(201)).body.items as [Task];
  await vi.waitUntil(async () => (await taskOf(late.id)).pending?.summary.match(/1 host short of disk/), patience);
  expect(alive()).toEqual(processes);
  expect(await taskOf(before.id)).toMatchObject({ state: 'running' });
  // What is done with it still works.
  expect((await host.output(before.id, ['echo', 'here'])).stdout).toBe('here\n');

  sh(`rm -rf ${disk}/ballast`);
  await vi.waitUntil(async () => (await pressure()) === null, patience);
  await vi.waitUntil(async () => (await taskOf(late.id)).state === 'running', patience);
  expect(alive().filter(({ taskId }) => taskId === before.id)).toEqual(processes);
  for (const { id } of [before, late]) await api().post(`/v1/tasks/${id}/stop`).expect(200);
  for (const { id } of [before, late]) await vi.waitUntil(async () => (await taskOf(id)).state === 'stopped', patience);
  expect((await taskOf(before.id)).containers?.[0]?.exitCode).toBe(7);
  expect(alive()).toEqual([]);
});
