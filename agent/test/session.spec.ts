// Simulated agents against a real TLS WebSocket peer that speaks the contract.
import type { DesiredTask, TaskId, TaskSpec } from '@berth/contract';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { JournalStorage } from '../src/journal-storage.js';
import { memoryStorage } from '../src/journal-storage.js';
import { type SimAgent, type SimAgentOptions, startSimAgent } from '../src/sim/sim-agent.js';
import { startGateway, type TestGateway } from './gateway.js';
import { containerSpec, taskSpec } from './tasks.js';

vi.setConfig({ testTimeout: 60_000 });

const capacity = { cpuMillis: 1000, memoryMiB: 1024, taskSlots: 100 };
const launch = (spec: TaskSpec): DesiredTask => ({ taskId: spec.taskId, desired: 'running', spec });
const stopOf = (taskId: TaskId): DesiredTask => ({ taskId, desired: 'stopped', stopCode: 'UserInitiated', reason: 'asked for' });
const doing = (...command: string[]) => taskSpec({ containers: [containerSpec({ command })] });

let gateway: TestGateway;
let agents: SimAgent[];

beforeEach(async () => {
  gateway = await startGateway();
  agents = [];
});

afterEach(async () => {
  for (const agent of agents) await agent.stop();
  await gateway.close();
});

async function start(options: Partial<SimAgentOptions> = {}): Promise<SimAgent> {
  const admission = { token: gateway.token() };
  const agent = await startSimAgent({
    gatewayUrl: gateway.url,
    admission,
    name: 'sim',
    capacity,
    reconnect: { firstMs: 5, mostMs: 20 },
    ...options,
  });
  agents.push(agent);
  return agent;
}

/** The same host again, after its agent ended. */
async function startAgain(agent: SimAgent, options: Partial<SimAgentOptions> = {}): Promise<SimAgent> {
  const { identity, storage, machine, bootId } = agent;
  return start({ admission: { identity }, storage, machine, bootId, ...options });
}

describe('a link', () => {
  it('begins with who the host is and what it has', async () => {
    const agent = await start();
    const { hello } = await gateway.nextLink();
    expect(hello).toMatchObject({ protocol: 1, hostId: agent.hostId, name: 'sim', bootId: agent.bootId, capacity, tasks: [] });
  });

  it('runs a task to its end and tells of it', async () => {
    await start();
    const link = await gateway.nextLink();
    const spec = doing('exit', '3');
    const seq = link.desired([launch(spec)]);
    await link.until(() => link.frames.find((frame) => frame.type === 'ack' && frame.seq === seq));
    const report = await link.report(spec.taskId, 'stopped');
    expect(report).toMatchObject({ stopCode: 'EssentialContainerExited', containers: [{ state: 'exited', exitCode: 3, signal: null }] });
    expect(Object.keys(report.reachedAt)).toEqual(['starting', 'running', 'stopping', 'stopped']);
    const usage = await link.until(() => link.usage[0]);
    expect(usage).toEqual({
      taskId: spec.taskId,
      sequence: 0,
      startedAt: report.containers[0]?.startedAt,
      endedAt: report.containers[0]?.finishedAt,
      cpuMillis: 100,
      memoryMiB: 64,
    });
  });

  it('says starting and running at once when a start is quick', async () => {
    await start();
    const link = await gateway.nextLink();
    const spec = doing('run');
    link.desired([launch(spec)]);
    await link.report(spec.taskId, 'running');
    expect(link.reports.map(({ state }) => state)).toEqual(['running']);
    expect(Object.keys(link.reports[0]?.reachedAt ?? {})).toEqual(['starting', 'running']);
  });

  it('stops a task that was asked to', async () => {
    await start();
    const link = await gateway.nextLink();
    const spec = doing('run');
    link.desired([launch(spec)]);
    await link.report(spec.taskId, 'running');
    link.desired([stopOf(spec.taskId)]);
    expect(await link.report(spec.taskId, 'stopped')).toMatchObject({
      stopCode: 'UserInitiated',
      stopReason: 'asked for',
      containers: [{ exitCode: 143, signal: 'SIGTERM' }],
    });
  });

  it('kills what does not heed its stop signal', async () => {
    await start();
    const link = await gateway.nextLink();
    const spec = taskSpec({ containers: [containerSpec({ command: ['hang'], stopTimeoutSeconds: 0 })] });
    link.desired([launch(spec)]);
    await link.report(spec.taskId, 'running');
    link.desired([stopOf(spec.taskId)]);
    expect(await link.report(spec.taskId, 'stopped')).toMatchObject({ containers: [{ exitCode: 137, signal: 'SIGKILL' }] });
  });

  it.each([
    { command: ['oom'], stopCode: 'OutOfMemory' },
    { command: ['fail'], stopCode: 'TaskFailedToStart' },
  ])('tells $stopCode apart', async ({ command, stopCode }) => {
    await start();
    const link = await gateway.nextLink();
    const spec = doing(...command);
    link.desired([launch(spec)]);
    expect(await link.report(spec.taskId, 'stopped')).toMatchObject({ stopCode });
  });

  it('refuses what does not fit any more, and starts what does', async () => {
    await start();
    const link = await gateway.nextLink();
    const [big, tooMuch] = [taskSpec({ cpuMillis: 900 }), taskSpec({ cpuMillis: 200 })];
    link.desired([launch(big), launch(tooMuch)]);
    await link.report(big.taskId, 'running');
    expect(await link.report(tooMuch.taskId, 'stopped')).toMatchObject({
      stopCode: 'HostRefused',
      stopReason: expect.stringContaining('100 of 1000 free'),
    });
  });

  it('starts a task once, however often it is told to', async () => {
    const agent = await start();
    const link = await gateway.nextLink();
    const spec = doing('exit', '0');
    link.desired([launch(spec), launch(spec)]);
    link.desired([launch(spec)]);
    await link.report(spec.taskId, 'stopped');
    await link.until(() => agent.state.tombstones.has(spec.taskId));
    const told = link.reports.length;
    link.desired([launch(spec)]);
    const again = await link.until(() => link.reports[told]);
    expect(again).toMatchObject({ taskId: spec.taskId, state: 'stopped' });
    expect(agent.state.tasks.size).toBe(0);
  });

  it('never starts a task whose stop came before its start', async () => {
    const agent = await start();
    const link = await gateway.nextLink();
    const spec = doing('run');
    link.desired([stopOf(spec.taskId)]);
    link.desired([launch(spec)]);
    await link.report(spec.taskId, 'stopped');
    await link.until(() => agent.state.tombstones.has(spec.taskId));
    expect(agent.machine.logs.has(spec.taskId)).toBe(false);
  });

  it('obeys no leader that was replaced', async () => {
    const agent = await start();
    const link = await gateway.nextLink();
    const [current, stale, later] = [doing('run'), doing('run'), doing('run')];
    link.desired([launch(current)], 7);
    const refused = link.desired([launch(stale)], 6);
    link.desired([launch(later)], 7);
    await link.report(later.taskId, 'running');
    expect(agent.state.tasks.has(stale.taskId)).toBe(false);
    expect(link.frames.some((frame) => frame.type === 'ack' && frame.seq === refused)).toBe(false);
  });

  it('goes on after frames it does not understand', async () => {
    await start();
    const link = await gateway.nextLink();
    link.send({ type: 'brand-new' });
    link.socket.send('{ not json');
    link.socket.send('null');
    link.send({ type: 'desired' });
    const spec = doing('run');
    link.desired([launch(spec)]);
    await link.report(spec.taskId, 'running');
  });

  it('beats', async () => {
    await start();
    const link = await gateway.nextLink();
    await link.until(() => link.frames.filter(({ type }) => type === 'heartbeat').length >= 2);
  });
});

describe('a link that breaks', () => {
  it('is dialled again, and what was not acknowledged is told again', async () => {
    const agent = await start();
    const first = await gateway.nextLink();
    gateway.polite = false;
    const spec = doing('exit', '0');
    first.desired([launch(spec)]);
    await first.report(spec.taskId, 'stopped');
    gateway.polite = true;
    first.socket.terminate();
    const second = await gateway.nextLink();
    expect(second.hello.tasks).toMatchObject([{ taskId: spec.taskId, state: 'stopped' }]);
    await second.report(spec.taskId, 'stopped');
    expect((await second.until(() => second.usage[0])).sequence).toBe(0);
    await second.until(() => agent.state.tombstones.has(spec.taskId));
  });

  it('tells what changed between hello and welcome', async () => {
    const agent = await start();
    const first = await gateway.nextLink();
    const side = containerSpec({ name: 'side', essential: false, command: ['sleep', '2'] });
    const spec = taskSpec({ containers: [side, containerSpec()] });
    first.desired([launch(spec)]);
    await first.report(spec.taskId, 'running');
    gateway.polite = false;
    first.socket.terminate();
    const second = await gateway.nextLink();
    expect(second.hello.tasks).toMatchObject([{ containers: [{ state: 'running' }, { state: 'running' }] }]);
    await vi.waitUntil(() => agent.state.tasks.get(spec.taskId)?.containers[0]?.state === 'exited', { timeout: 10_000 });
    second.send({ type: 'welcome', heartbeatMs: 200, usageIntervalMs: 60_000 });
    await second.until(() => second.reports.some(({ containers }) => containers[0]?.state === 'exited'));
  });

  it('keeps tasks running meanwhile, and their ends are told later', async () => {
    const agent = await start();
    const first = await gateway.nextLink();
    const spec = doing('sleep', '0.2');
    gateway.polite = false;
    first.desired([launch(spec)]);
    await first.report(spec.taskId, 'running');
    gateway.polite = true;
    first.socket.terminate();
    const second = await gateway.nextLink();
    await second.report(spec.taskId, 'stopped');
    expect(agent.connected).toBe(true);
  });

  it('is given up when the gateway falls silent', async () => {
    await start();
    const first = await gateway.nextLink();
    first.socket.pause();
    await gateway.nextLink();
    expect(gateway.dials).toHaveLength(2);
  });

  it('stays away as long as it is asked to', async () => {
    await start();
    const first = await gateway.nextLink();
    const askedAtMs = performance.now();
    first.send({ type: 'goodbye', reason: 'upgrade', reconnectAfterMs: 300 });
    await first.closed;
    await gateway.nextLink();
    expect((gateway.dials[1] ?? 0) - askedAtMs).toBeGreaterThan(295);
  });
});

describe('a certificate', () => {
  it('is renewed before it ends, and the next link goes by the new one', async () => {
    gateway.certificateLifeMs = 6_000;
    const agent = await start();
    const first = await gateway.nextLink();
    const { certificate, key } = agent.identity;
    await first.until(() => agent.identity.certificate !== certificate);
    expect(agent.identity.key).not.toBe(key);
    first.socket.terminate();
    expect((await gateway.nextLink()).hello.hostId).toBe(agent.hostId);
  });
});

describe('another life of the agent', () => {
  it('carries its tasks on, with the same containers', async () => {
    const agent = await start();
    const first = await gateway.nextLink();
    const [stays, ends] = [doing('run'), doing('sleep', '0.15')];
    // Its end is not acknowledged to this life, should it come that early.
    gateway.polite = false;
    first.desired([launch(stays), launch(ends)]);
    const before = await first.report(stays.taskId, 'running');
    await first.report(ends.taskId, 'running');
    await agent.stop();
    await new Promise((resolve) => setTimeout(resolve, 200));
    gateway.polite = true;
    await startAgain(agent);
    const second = await gateway.nextLink();
    const ended = await second.report(ends.taskId, 'stopped');
    const [container] = ended.containers;
    expect(Date.parse(container?.finishedAt ?? '') - Date.parse(container?.startedAt ?? '')).toBe(150);
    const [after] = second.hello.tasks.filter(({ taskId }) => taskId === stays.taskId);
    expect(after).toMatchObject({ state: 'running', containers: before.containers });
    expect(after?.version).toBeGreaterThan(before.version);
  });

  it('reports everything lost after a restart of the host', async () => {
    const agent = await start();
    const first = await gateway.nextLink();
    const spec = doing('run');
    first.desired([launch(spec)]);
    await first.report(spec.taskId, 'running');
    await agent.stop();
    agent.machine.drop(spec.taskId);
    await startAgain(agent, { bootId: 'another' });
    const second = await gateway.nextLink();
    expect(await second.report(spec.taskId, 'stopped')).toMatchObject({
      stopCode: 'HostRebooted',
      containers: [{ state: 'exited', exitCode: null }],
    });
    expect(second.usage).toHaveLength(1);
  });
});

describe('a full disk', () => {
  /** Storage on a disk that is full while `full`. */
  function fillable(): JournalStorage & { full: boolean } {
    const inner = memoryStorage();
    const check =
      <A extends unknown[]>(work: (...args: A) => Promise<void>) =>
      async (...args: A) => {
        if (storage.full) throw new Error('ENOSPC: no space left on device, write');
        await work(...args);
      };
    const storage = { ...inner, full: false, append: check(inner.append), sync: check(inner.sync), replace: check(inner.replace) };
    return storage;
  }

  it('refuses new tasks, lets the running ones be, and passes by itself', async () => {
    const storage = fillable();
    const agent = await start({ storage });
    const link = await gateway.nextLink();
    const [before, during, meanwhile] = [doing('run'), doing('run'), doing('run')];
    link.desired([launch(before)]);
    await link.report(before.taskId, 'running');
    storage.full = true;
    link.desired([launch(during)]);
    expect(await link.report(during.taskId, 'stopped')).toMatchObject({
      stopCode: 'HostRefused',
      stopReason: expect.stringContaining('no space left'),
    });
    const seq = link.desired([launch(meanwhile), stopOf(before.taskId)]);
    expect(await link.report(meanwhile.taskId, 'stopped')).toMatchObject({ stopCode: 'HostRefused' });
    await link.report(before.taskId, 'stopped');
    expect(link.usage).toEqual([]);
    expect(link.frames.some((frame) => frame.type === 'ack' && frame.seq === seq)).toBe(false);
    storage.full = false;
    await link.until(() => link.frames.some((frame) => frame.type === 'ack' && frame.seq === seq));
    await link.until(() => link.usage.find(({ taskId }) => taskId === before.taskId));
    const after = doing('run');
    link.desired([launch(after)]);
    await link.report(after.taskId, 'running');
    await agent.stop();
    await startAgain(agent);
    expect((await gateway.nextLink()).hello.tasks.map(({ taskId }) => taskId)).toContain(after.taskId);
  });
});

describe('a task whose image does not come', () => {
  it('stops at once when it is to, for the reason that was given', async () => {
    await start();
    const link = await gateway.nextLink();
    const spec = doing('pull');
    link.desired([launch(spec)]);
    await link.report(spec.taskId, 'starting');
    link.desired([stopOf(spec.taskId)]);
    const report = await link.report(spec.taskId, 'stopped');
    expect(report).toMatchObject({ stopCode: 'UserInitiated', stopReason: 'asked for', containers: [{ exitCode: null }] });
  });
});

describe('a log stream', () => {
  const ask = (taskId: TaskId, streamId: string, follow: boolean) => ({
    type: 'open-stream' as const,
    streamId,
    request: {
      kind: 'logs' as const,
      taskId,
      container: null,
      tail: 100,
      since: null,
      follow,
      from: null,
      until: null,
      grep: null,
      stream: null,
    },
  });

  it('gives the lines there are and ends', async () => {
    await start();
    const link = await gateway.nextLink();
    const spec = doing('run', 'hello');
    link.desired([launch(spec)]);
    await link.report(spec.taskId, 'running');
    const opened = gateway.stream('stream-0123456789');
    link.send(ask(spec.taskId, 'stream-0123456789', false));
    const stream = await opened;
    expect(await stream.ended).toBe(1000);
    expect(stream.lines).toMatchObject([{ container: 'main', stream: 'stdout', text: 'started: run hello', partial: false }]);
  });

  it('follows a task to its end', async () => {
    await start();
    const link = await gateway.nextLink();
    const spec = doing('sleep', '0.2');
    link.desired([launch(spec)]);
    await link.report(spec.taskId, 'running');
    const opened = gateway.stream('stream-0123456789');
    link.send(ask(spec.taskId, 'stream-0123456789', true));
    const stream = await opened;
    expect(await stream.ended).toBe(1000);
    expect(stream.lines.map(({ text }) => text)).toEqual(['started: sleep 0.2', 'ended with 0']);
  });

  it('begins with the first line if that is asked for, whatever the tail', async () => {
    await start();
    const link = await gateway.nextLink();
    const spec = doing('exit', '0');
    link.desired([launch(spec)]);
    await link.report(spec.taskId, 'stopped');
    for (const [fromStart, texts] of [
      [true, ['started: exit 0', 'ended with 0']],
      [undefined, ['ended with 0']],
    ] as const) {
      const frame = ask(spec.taskId, `stream-0123456789-${fromStart}`, true);
      const opened = gateway.stream(frame.streamId);
      link.send({ ...frame, request: { ...frame.request, tail: 1, fromStart } });
      const stream = await opened;
      expect(await stream.ended).toBe(1000);
      expect(stream.lines.map(({ text }) => text)).toEqual(texts);
    }
  });

  it('ends with the link it was asked for on', async () => {
    await start();
    const link = await gateway.nextLink();
    const spec = doing('run');
    link.desired([launch(spec)]);
    await link.report(spec.taskId, 'running');
    const opened = gateway.stream('stream-0123456789');
    link.send(ask(spec.taskId, 'stream-0123456789', true));
    const stream = await opened;
    link.socket.terminate();
    expect(await stream.ended).not.toBe(1000);
  });
});
