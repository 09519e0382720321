// bin/up and bin/down as people use them, from a new data directory to the last trace; and the promise that tasks
// outlive each process of Berth.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogLine, Task, TaskCost } from '@berth/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { overlaps } from '../../src/standalone/plan.js';
import { type Rest, restClient } from '../../src/standalone/rest.js';
import { type Bin, binWith, fourFreePorts, leftovers, pidsOf } from '../support/standalone.js';

/** Whole starts and stops, on a machine that may be busy with other tests, and may have to build first. */
const slowMs = 400_000;

interface ContextFile {
  current: string;
  contexts: Record<string, { url: string; apiKey: string; operatorKey: string }>;
}

let directory: string;
let data: string;
let port: number;
let bin: Bin;
let rest: Rest;
let conf: Record<string, string>;
const up = () => bin('up', '--detach', '--data', data, '--port', String(port), '--no-demo');

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'berth-up-'));
  data = join(directory, 'data');
  port = await fourFreePorts();
  bin = binWith({ BERTH_CONFIG: join(directory, 'config.json') });
  const { code, output } = await up();
  expect(code, output).toBe(0);
  expect(output).toContain(`http://127.0.0.1:${port}/docs`);
  rest = restClient(`http://127.0.0.1:${port}`, (await context()).apiKey);
  conf = Object.fromEntries([...(await readFile(join(data, 'berth.conf'), 'utf8')).matchAll(/^(\w+)=(.*)$/gm)].map((m) => [m[1], m[2]]));
}, slowMs);

afterAll(async () => {
  await bin('down', '--data', data, '--wipe');
  await rm(directory, { recursive: true, force: true });
}, slowMs);

async function context() {
  const file = JSON.parse(await readFile(join(directory, 'config.json'), 'utf8')) as ContextFile;
  return file.contexts[file.current] as ContextFile['contexts'][string];
}

const pidIn = async (name: string) => Number((await readFile(join(data, 'run', `${name}.pid`), 'utf8')).split(' ')[0]);

async function run(script: string, count = 1): Promise<Task[]> {
  const containers = [{ name: 'main', image: 'busybox', command: ['sh', '-c', script], stopTimeoutSeconds: 1 }];
  const definition = { family: 'up-spec', cpuMillis: 50, memoryMiB: 32, containers };
  const { items } = await rest.post<{ items: Task[] }>('/v1/tasks', { definition, count });
  return items;
}

/** Asks until the task is as wanted. While the control plane is being started again, nothing answers. */
async function until(id: string, wanted: (task: Task) => boolean): Promise<Task> {
  let last = '';
  for (let waited = 0; waited < 60_000; waited += 100) {
    try {
      const task = await rest.get<Task>(`/v1/tasks/${id}`);
      if (wanted(task)) return task;
      last = JSON.stringify(task);
    } catch (error) {
      last = String(error);
    }
    await sleep(100);
  }
  throw new Error(`waited in vain; last seen: ${last}`);
}

/** A container's process is let go a moment before it has become the program that it is to be. */
async function pidsOnceThere(marker: string, atLeast: number): Promise<number[]> {
  for (let waited = 0; waited < 20_000; waited += 50) {
    const pids = pidsOf(marker);
    if (pids.length >= atLeast) return pids;
    await sleep(50);
  }
  throw new Error(`there are not ${atLeast} processes called ${marker}`);
}

const stopped = (task: Task) => task.state === 'stopped';
const running = (task: Task) => task.state === 'running';
const logsOf = async (id: string) => (await rest.get<{ items: LogLine[] }>(`/v1/tasks/${id}/logs`)).items.map((line) => line.text);

it('writes a context for the CLI that only its owner can read', async () => {
  expect(await context()).toEqual({ url: `http://127.0.0.1:${port}`, apiKey: expect.any(String), operatorKey: expect.any(String) });
  expect((await stat(join(directory, 'config.json'))).mode & 0o777).toBe(0o600);
});

it('says that it runs already when it is called again', async () => {
  const { code, output } = await up();
  expect(code).toBe(0);
  expect(output).toContain('running already');
  expect(output).toContain(`http://127.0.0.1:${port}`);
});

it('runs a task in a container: output, exit code, address, cost', async () => {
  const [{ id } = { id: '' }] = await run('echo hello; id -u; exit 3');
  const task = await until(id, stopped);
  expect(task).toMatchObject({ stopCode: 'EssentialContainerExited', containers: [{ exitCode: 3 }] });
  expect(overlaps(task.address ?? '', conf.subnet ?? '')).toBe(true);
  expect(await logsOf(id)).toEqual(['hello', '0']);
  const cost = await rest.get<TaskCost>(`/v1/tasks/${id}/cost`);
  expect(Number(cost.total)).toBeGreaterThan(0);
});

it('serves the CLI by its context', async () => {
  const hello = await bin('berth', 'run', 'busybox', '--', 'echo', 'hello');
  expect(hello).toEqual({ code: 0, output: expect.stringMatching(/^hello$/m) });
  expect((await bin('berth', 'run', 'busybox', '--', 'sh', '-c', 'exit 42')).code).toBe(42);
  expect((await bin('berth', 'ps')).code).toBe(0);
});

it('runs every submitted task once when the control plane is killed between submit and start', async () => {
  const killed = await pidIn('control-plane');
  const tasks = await run('echo once', 8);
  process.kill(killed, 'SIGKILL');
  for (const { id } of tasks) {
    const task = await until(id, stopped);
    expect(task.containers[0]?.exitCode, JSON.stringify(task)).toBe(0);
    expect(await logsOf(id)).toEqual(['once']);
  }
  expect(await pidIn('control-plane')).not.toBe(killed);
});

it('keeps tasks running when the agent is killed, and finds what ended meanwhile', async () => {
  const marker = `sleep 8${process.pid}`;
  const [{ id: ending } = { id: '' }] = await run(`trap 'exit 7' TERM; while :; do sleep 0.1; done # ${marker}-ending`);
  const sleepers = await run(marker, 4);
  await Promise.all([ending, ...sleepers.map(({ id }) => id)].map((id) => until(id, running)));
  const toEnd = await pidsOnceThere(`${marker}-ending`, 1);
  const toStay = (await pidsOnceThere(marker, 5)).filter((pid) => !toEnd.includes(pid));
  const killed = await pidIn('agent');
  process.kill(killed, 'SIGKILL');
  for (const pid of toEnd) process.kill(pid, 'SIGTERM');
  expect((await until(ending, stopped)).containers[0]?.exitCode).toBe(7);
  expect(await pidIn('agent')).not.toBe(killed);
  expect(pidsOf(marker)).toEqual(toStay);
  for (const { id } of sleepers) {
    expect((await rest.get<Task>(`/v1/tasks/${id}`)).state).toBe('running');
    await rest.post(`/v1/tasks/${id}/stop`, {});
  }
  await Promise.all(sleepers.map(({ id }) => until(id, stopped)));
});

it('goes on after the supervisor was killed: the next bin/up takes over, and tasks run on', { timeout: slowMs }, async () => {
  const marker = `sleep 9${process.pid}`;
  const [{ id } = { id: '' }] = await run(marker);
  await until(id, running);
  const before = await pidsOnceThere(marker, 1);
  process.kill(await pidIn('supervisor'), 'SIGKILL');
  const { code, output } = await up();
  expect(code, output).toBe(0);
  expect(output).toContain('Stopped what was left of before');
  expect((await rest.get<Task>(`/v1/tasks/${id}`)).state).toBe('running');
  expect(pidsOf(marker)).toEqual(before);
});

it('stops everything with bin/down, also twice, and keeps the data for the next bin/up', { timeout: slowMs }, async () => {
  const [{ id } = { id: '' }] = await run('sleep 1000');
  await until(id, running);
  for (const time of ['first', 'second']) {
    const { code, output } = await bin('down', '--data', data);
    expect(code, `${time}: ${output}`).toBe(0);
    expect(leftovers(conf.instance ?? '', data)).toEqual([]);
  }
  const { code, output } = await up();
  expect(code, output).toBe(0);
  expect(await until(id, stopped)).toMatchObject({ stopCode: 'HostShutdown' });
});

it('leaves no trace after bin/down --wipe, even when the supervisor was killed', { timeout: slowMs }, async () => {
  const [{ id } = { id: '' }] = await run('sleep 1000');
  await until(id, running);
  process.kill(await pidIn('supervisor'), 'SIGKILL');
  const { code, output } = await bin('down', '--data', data, '--wipe');
  expect(code, output).toBe(0);
  expect(existsSync(data)).toBe(false);
  expect(leftovers(conf.instance ?? '', data)).toEqual([]);
  expect(JSON.parse(await readFile(join(directory, 'config.json'), 'utf8'))).toEqual({ contexts: {} });
  expect((await bin('down', '--data', data, '--wipe')).code).toBe(0);
});

it('touches no directory that is not Berth’s', async () => {
  const foreign = join(directory, 'foreign');
  await mkdir(foreign);
  await writeFile(join(foreign, 'precious'), 'x');
  for (const args of [
    ['up', '--detach', '--port', String(port)],
    ['down', '--wipe'],
  ] as const) {
    const [name, ...rest] = args;
    const { code, output } = await bin(name, ...rest, '--data', foreign);
    expect(code).toBe(1);
    expect(output).toContain('not Berth');
  }
  expect(await readFile(join(foreign, 'precious'), 'utf8')).toBe('x');
});

it('names the process that holds one of its ports', async () => {
  const server = createServer().listen(port + 2, '127.0.0.1');
  const { code, output } = await bin('up', '--detach', '--data', join(directory, 'other'), '--port', String(port));
  server.close();
  expect(code).toBe(1);
  expect(output).toContain(`port ${port + 2} is taken by`);
  expect(output).toContain(`pid ${process.pid}`);
});
