// The agent as a process of its own, killed as a machine would kill it, and started again on the same data.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { DesiredTask, TaskSpec } from '@berth/contract';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startGateway, type TestGateway } from './gateway.js';
import { containerSpec, taskSpec } from './tasks.js';

vi.setConfig({ testTimeout: 60_000 });

const root = resolve(import.meta.dirname, '../..');
const launch = (spec: TaskSpec): DesiredTask => ({ taskId: spec.taskId, desired: 'running', spec });
const doing = (...command: string[]) => taskSpec({ containers: [containerSpec({ command })] });

let gateway: TestGateway;
let data: string;
let children: ChildProcess[];

/** One file, made once: a child that compiled the sources each time would take longer to start than to run. */
const program = join(root, `agent/dist/main.${process.pid}.mjs`);

beforeAll(async () => {
  await build({
    entryPoints: [join(root, 'agent/src/main.ts')],
    outfile: program,
    bundle: true,
    packages: 'external',
    alias: { '@berth/contract': join(root, 'contract/src/index.ts') },
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
  });
});

afterAll(() => rm(program, { force: true }));

beforeEach(async () => {
  gateway = await startGateway();
  data = await mkdtemp(join(tmpdir(), 'berth-agent-'));
  children = [];
});

afterEach(async () => {
  for (const child of children) await ended(child, 'SIGKILL');
  await gateway.close();
  await rm(data, { recursive: true });
});

interface Agent {
  readonly process: ChildProcess;
  readonly output: { text: string };
}

function startAgent(args: readonly string[] = [], more: Record<string, string> = {}): Agent {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      BERTH_AGENT_DATA: data,
      BERTH_GATEWAY_URL: gateway.url,
      BERTH_AGENT_RUNTIME: 'sim',
      BERTH_HOST_NAME: 'child',
      ...more,
    },
  });
  children.push(child);
  const output = { text: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output.text += chunk.toString();
    });
  }
  return { process: child, output };
}

const withToken = () => ({ BERTH_HOST_TOKEN: gateway.token() });

async function ended(child: ChildProcess, signal?: 'SIGTERM' | 'SIGKILL'): Promise<number | string | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, 'exit');
    if (signal) child.kill(signal);
    await exit;
  }
  return child.signalCode ?? child.exitCode;
}

/** How often each container was let go, by the simulated machine's own count. */
async function starts(): Promise<string[]> {
  const text = await readFile(join(data, 'sim/starts'), 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '');
}

describe('an agent that was killed', () => {
  it('carries on where it was: nothing lost, nothing started twice, ends in between with their codes', async () => {
    const first = startAgent([], withToken());
    const link = await gateway.nextLink();
    const stays = [doing('run'), doing('run'), doing('run')];
    const [ends, fails] = [doing('sleep', '1'), taskSpec({ containers: [containerSpec({ command: ['oom'] })] })];
    const all = [...stays, ends, fails];
    gateway.polite = false;
    link.desired(all.map(launch));
    for (const { taskId } of [...stays, ends]) await link.report(taskId, 'running');
    await link.report(fails.taskId, 'stopped');
    const before = stays.map(({ taskId }) => link.reports.find((report) => report.taskId === taskId && report.state === 'running'));
    expect(await ended(first.process, 'SIGKILL')).toBe('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    gateway.polite = true;
    startAgent();
    const again = await gateway.nextLink();
    expect(again.hello.hostId).toBe(link.hello.hostId);
    for (const [index, { taskId }] of stays.entries()) {
      expect(again.hello.tasks.find((task) => task.taskId === taskId)).toMatchObject({
        state: 'running',
        containers: before[index]?.containers,
        address: before[index]?.address,
      });
    }
    const end = await again.report(ends.taskId, 'stopped');
    expect(end).toMatchObject({ stopCode: 'EssentialContainerExited', containers: [{ exitCode: 0 }] });
    expect(await again.report(fails.taskId, 'stopped')).toMatchObject({ stopCode: 'OutOfMemory' });
    const usage = await again.until(() => again.usage.find(({ taskId }) => taskId === ends.taskId));
    expect(Date.parse(usage.endedAt) - Date.parse(usage.startedAt)).toBe(1_000);
    again.desired(all.map(launch));
    const later = doing('run');
    again.desired([launch(later)]);
    await again.report(later.taskId, 'running');
    expect((await starts()).sort()).toEqual([...all, later].map(({ taskId }) => `${taskId}/main`).sort());
  });

  it('at any moment of a wave of launches starts each task once', async () => {
    const wave = Array.from({ length: 60 }, () => doing('run'));
    let agent = startAgent([], withToken());
    for (const killAfterMs of [5, 25, 60]) {
      const link = await gateway.nextLink();
      link.desired(wave.map(launch));
      await new Promise((resolve) => setTimeout(resolve, killAfterMs));
      await ended(agent.process, 'SIGKILL');
      agent = startAgent();
    }
    const link = await gateway.nextLink();
    link.desired(wave.map(launch));
    await link.until(() =>
      wave.every(({ taskId }) =>
        [...link.hello.tasks, ...link.reports].some((report) => report.taskId === taskId && report.state === 'running'),
      ),
    );
    expect((await starts()).sort()).toEqual(wave.map(({ taskId }) => `${taskId}/main`).sort());
  });
});

describe('an agent that is asked to end', () => {
  it('leaves its containers running and says nothing is wrong', async () => {
    const first = startAgent([], withToken());
    const link = await gateway.nextLink();
    const spec = doing('run');
    link.desired([launch(spec)]);
    await link.report(spec.taskId, 'running');
    expect(await ended(first.process, 'SIGTERM')).toBe(0);
    startAgent();
    expect((await gateway.nextLink()).hello.tasks).toMatchObject([{ taskId: spec.taskId, state: 'running' }]);
  });

  it('takes everything down by teardown, and tells of it in its next life', async () => {
    const first = startAgent([], withToken());
    const link = await gateway.nextLink();
    const spec = doing('run');
    link.desired([launch(spec)]);
    await link.report(spec.taskId, 'running');
    await ended(first.process, 'SIGTERM');
    const teardown = startAgent(['teardown']);
    expect(await ended(teardown.process), teardown.output.text).toBe(0);
    expect(await readdir(join(data, 'sim/containers'))).toEqual([]);
    startAgent();
    const again = await gateway.nextLink();
    expect(await again.report(spec.taskId, 'stopped')).toMatchObject({ stopCode: 'HostShutdown', containers: [{ signal: 'SIGTERM' }] });
  });
});

describe('an agent at its start', () => {
  it('enrols once and keeps its key to itself', async () => {
    const first = startAgent([], withToken());
    const { hello } = await gateway.nextLink();
    await ended(first.process, 'SIGKILL');
    startAgent();
    expect((await gateway.nextLink()).hello.hostId).toBe(hello.hostId);
    expect((await stat(join(data, 'identity/identity.json'))).mode & 0o777).toBe(0o600);
  });

  it('refuses a data directory that another agent works on', async () => {
    startAgent([], withToken());
    await gateway.nextLink();
    const second = startAgent();
    expect(await ended(second.process)).toBe(1);
    expect(second.output.text).toMatch(/Another agent \(process \d+\) works on .* Stop it first/);
  });

  it.each([
    { what: 'no token', token: () => undefined, says: 'This host is not enrolled. Set BERTH_HOST_TOKEN' },
    { what: 'half a token', token: () => 'berth-host.abc', says: 'BERTH_HOST_TOKEN: must be a whole host token' },
    {
      what: 'a token of another fleet',
      token: () => `berth-host.${'a'.repeat(43)}.${'0'.repeat(64)}`,
      says: 'not of the fleet that the host token is for',
    },
    {
      what: 'a used token',
      token: () => `berth-host.${'a'.repeat(43)}.${gateway.authority.fingerprint}`,
      says: 'The gateway refused (401): This host token was used.',
    },
  ])('says what to do about $what', async ({ token, says }) => {
    const value = token();
    const agent = startAgent([], value === undefined ? {} : { BERTH_HOST_TOKEN: value });
    expect(await ended(agent.process)).toBe(1);
    expect(agent.output.text).toContain(says);
  });

  it('prints its settings without the token', async () => {
    const token = gateway.token();
    const agent = startAgent(['--check-config'], { BERTH_HOST_TOKEN: token });
    expect(await ended(agent.process)).toBe(0);
    expect(agent.output.text).toContain('"hostToken": "***"');
    expect(agent.output.text).not.toContain(token);
  });
});
