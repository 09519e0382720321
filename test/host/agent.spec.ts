// The whole agent on a real host: a process of its own with real containers, and a gateway that only speaks the
// contract. Killed as a machine would kill it, and started again.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { DesiredTask, TaskId, TaskSpec } from '@berth/contract';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { startGateway, type TestGateway, type TestLink } from '../../agent/test/gateway.js';
import { containerSpec, taskSpec } from '../../agent/test/tasks.js';
import { type HeldRegistry, startHeldRegistry } from '../support/held-registry.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const launcher = join(root, 'agent/bin/berth-agent');
const number = Math.floor(Math.random() * 200);
const instance = `a${Math.random().toString(36).slice(2, 8)}`;
const launch = (spec: TaskSpec): DesiredTask => ({ taskId: spec.taskId, desired: 'running', spec });
const stopOf = (taskId: TaskId): DesiredTask => ({ taskId, desired: 'stopped', stopCode: 'UserInitiated', reason: 'asked for' });

let registry: TestRegistry;
let held: HeldRegistry;
let gateway: TestGateway;
let image: string;
let data: string;
let child: ChildProcess | null = null;
let link: TestLink;

const environment = () => ({
  PATH: process.env.PATH,
  BERTH_AGENT_INSTANCE: instance,
  BERTH_AGENT_DATA: data,
  BERTH_AGENT_SUBNET: `10.${60 + (number % 40)}.${number}.0/24`,
  BERTH_AGENT_UID_BASE: '1700000000',
  BERTH_AGENT_POOL_SIZE: '4',
  BERTH_GATEWAY_URL: gateway.url,
  BERTH_INSECURE_REGISTRIES: `${registry.address},${held.address}`,
  BERTH_LOG_LEVEL: 'warn',
  ...(data && { BERTH_HOST_TOKEN: gateway.token() }),
});

async function startAgent(): Promise<void> {
  const main = join(root, 'agent/src/main.ts');
  child = spawn(launcher, ['exec', process.execPath, '--import', 'tsx', main], {
    cwd: root,
    env: environment(),
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const gone = once(child, 'exit').then(([code]) => Promise.reject(new Error(`the agent ended with ${code}`)));
  gone.catch(() => {});
  link = await Promise.race([gateway.nextLink(), gone]);
}

async function killAgent(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

/** Process ids of the instance's live containers, as the kernel and crun see them. */
async function pids(): Promise<Record<string, number>> {
  const list = `crun --root /run/${instance}/crun list -q`;
  const script = `for id in $(${list}); do echo "$id $(crun --root /run/${instance}/crun state $id | grep '"pid"' | tr -dc 0-9)"; done`;
  const { stdout } = await run(launcher, ['exec', 'sh', '-c', script], { env: environment() });
  return Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => [line.split(' ')[0], Number(line.split(' ')[1])]),
  );
}

beforeAll(async () => {
  gateway = await startGateway(5_000);
  registry = await startRegistry();
  held = await startHeldRegistry(registry.address);
  image = await registry.push('busybox', {});
  data = await mkdtemp(join(tmpdir(), 'berth-test-agent-'));
  await startAgent();
});

afterEach(async () => {
  const live = link.reports.map(({ taskId }) => taskId);
  link.desired([...new Set(live)].map(stopOf));
});

afterAll(async () => {
  await killAgent('SIGKILL');
  await run(launcher, ['exec', process.execPath, '--import', 'tsx', join(root, 'agent/src/main.ts'), 'teardown'], {
    cwd: root,
    env: environment(),
  });
  await run(launcher, ['unpin'], { env: environment() });
  await rm(data, { recursive: true, force: true });
  await gateway.close();
  await held.stop();
  await registry.stop();
});

const sh = (script: string, more = {}) =>
  taskSpec({ memoryMiB: 64, containers: [containerSpec({ image, command: ['sh', '-c', script], ...more })] });

describe('the agent with real containers', () => {
  it('tells true exit codes, signals and memory apart, and measures to the millisecond', async () => {
    const [three, oom, killed] = [
      sh('exit 3'),
      { ...sh('head -c 400m /dev/zero | tail'), memoryMiB: 32 },
      sh('kill -9 $$', { init: false }),
    ];
    link.desired([three, oom, killed].map(launch));
    const report = await link.report(three.taskId, 'stopped');
    expect(report).toMatchObject({ stopCode: 'EssentialContainerExited', containers: [{ exitCode: 3, signal: null }] });
    expect(await link.report(oom.taskId, 'stopped')).toMatchObject({ stopCode: 'OutOfMemory', containers: [{ reason: 'OutOfMemory' }] });
    const usage = await link.until(() => link.usage.find(({ taskId, pull }) => taskId === three.taskId && !pull));
    expect([usage.startedAt, usage.endedAt]).toEqual([report.containers[0]?.startedAt, report.containers[0]?.finishedAt]);
  });

  it('stops a task by its signal, and kills one that does not heed it', async () => {
    const heeds = sh('trap "exit 7" TERM; echo up; while :; do sleep 0.1; done');
    const stubborn = sh('trap "" TERM; while :; do sleep 0.1; done', { stopTimeoutSeconds: 1, init: false });
    link.desired([heeds, stubborn].map(launch));
    for (const { taskId } of [heeds, stubborn]) await link.report(taskId, 'running');
    const opened = gateway.stream('stream-0123456789');
    const request = {
      kind: 'logs' as const,
      taskId: heeds.taskId,
      container: null,
      tail: 10,
      since: null,
      follow: true,
      from: null,
      until: null,
      grep: null,
      stream: null,
    };
    link.send({ type: 'open-stream', streamId: 'stream-0123456789', request });
    const stream = await opened;
    await link.until(() => stream.lines.some(({ text }) => text === 'up'));
    link.desired([heeds, stubborn].map(({ taskId }) => stopOf(taskId)));
    expect(await link.report(heeds.taskId, 'stopped')).toMatchObject({ stopCode: 'UserInitiated', containers: [{ exitCode: 7 }] });
    expect(await link.report(stubborn.taskId, 'stopped')).toMatchObject({
      stopCode: 'UserInitiated',
      containers: [{ exitCode: 137, signal: 'SIGKILL' }],
    });
    expect(await stream.ended).toBe(1000);
  });

  it('stops a task in the middle of its pull; who waits for the same image gets it, and a pull for nobody leaves nothing', async () => {
    const shared = await registry.push('shared', { script: 'head -c 3000000 /dev/urandom >$m/one' });
    const alone = await registry.push('alone', { script: 'head -c 3000000 /dev/urandom >$m/two' });
    const pulls = (reference: string) => sh('sleep 1000', { image: reference.replace(registry.address, held.address) });
    const [leaves, stays, single] = [pulls(shared), pulls(shared), pulls(alone)];
    link.desired([leaves, stays, single].map(launch));
    await vi.waitUntil(() => held.held >= 2, { timeout: 30_000 });
    link.desired([leaves, single].map(({ taskId }) => stopOf(taskId)));
    for (const { taskId } of [leaves, single]) {
      expect(await link.report(taskId, 'stopped')).toMatchObject({ stopCode: 'UserInitiated', containers: [{ startedAt: null }] });
    }
    await vi.waitUntil(async () => (await readdir(join(data, 'pulls'))).length === 1, { timeout: 30_000 });
    held.release();
    await link.report(stays.taskId, 'running');
    await vi.waitUntil(async () => (await readdir(join(data, 'pulls'))).length === 0, { timeout: 30_000 });
    const again = pulls(alone);
    link.desired([launch(again)]);
    await link.report(again.taskId, 'running');
  });

  it('is killed with five tasks running and finds them again: same processes, and an end in the gap with its code', async () => {
    const stay = Array.from({ length: 5 }, () => sh('sleep 1000'));
    const ends = sh('trap "exit 9" TERM; while :; do sleep 0.1; done');
    link.desired([...stay, ends].map(launch));
    for (const { taskId } of [...stay, ends]) await link.report(taskId, 'running');
    const before = await pids();
    await killAgent('SIGKILL');
    const [, pid = 0] = Object.entries(before).find(([id]) => id.includes(ends.taskId)) ?? [];
    process.kill(pid, 'SIGTERM');
    await vi.waitUntil(() => !existsSync(`/proc/${pid}`), { timeout: 30_000 });
    await startAgent();
    const end = await link.report(ends.taskId, 'stopped');
    expect(end).toMatchObject({ stopCode: 'EssentialContainerExited', containers: [{ exitCode: 9 }] });
    for (const { taskId } of stay) expect(link.hello.tasks.find((task) => task.taskId === taskId)).toMatchObject({ state: 'running' });
    const after = await pids();
    expect(Object.keys(after)).toHaveLength(5);
    for (const [id, pid] of Object.entries(after)) expect(before[id]).toBe(pid);
  });
});
