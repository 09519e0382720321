// One task from POST to its end over REST, with a simulated agent: watched, its log followed, its cost growing.
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogLine, Task, TaskId } from '@berth/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SimAgent, startSimAgent } from '../../agent/src/sim/sim-agent.js';
import { addLine } from '../../agent/src/sim/sim-machine.js';
import { OpenStreams } from '../../src/http/open-streams.service.js';
import { type Api, startApi } from '../support/api.js';
import { type ReceivedEvent, receiveEvents } from '../support/events.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { pushTinyImage } from '../support/tiny-image.js';

let registry: TestRegistry;
let berth: Api;
let agent: SimAgent;
let tenant: { id: string; key: string };

beforeAll(async () => {
  registry = await startRegistry();
  await pushTinyImage(registry.address, 'busybox', 'latest', 'one');
  berth = await startApi({ BERTH_DEFAULT_REGISTRY: registry.address, BERTH_INSECURE_REGISTRIES: registry.address });
  tenant = await berth.newTenant();
  const { body } = await berth.as(berth.operatorKey).post('/v1/host-tokens').send({}).expect(201);
  agent = await startSimAgent({
    gatewayUrl: berth.config.gateway.url,
    admission: { token: body.token },
    name: 'sim',
    capacity: { cpuMillis: 4_000, memoryMiB: 4_000, taskSlots: 20 },
  });
});
afterAll(async () => {
  await agent?.stop();
  await berth?.stop();
  await registry?.stop();
});

const headers = () => ({ authorization: `Bearer ${tenant.key}` });
const api = () => berth.as(tenant.key);

async function run(command: string[], more: object = {}): Promise<Task> {
  const definition = { family: 'job', containers: [{ name: 'main', image: 'busybox', command }] };
  return (
    await api()
      .post('/v1/tasks')
      .send({ definition, ...more })
      .expect(201)
  ).body.items[0];
}

async function untilState(id: string, state: string): Promise<Task> {
  for await (const { data } of receiveEvents(`${berth.url}/v1/tasks/${id}/watch`, headers())) if (data.state === state) return data;
  throw new Error(`${id} never was ${state}`);
}

async function collect(events: AsyncIterable<ReceivedEvent>): Promise<ReceivedEvent[]> {
  const all: ReceivedEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const print = (id: string, text: string, at = new Date().toISOString()) => {
  const line: LogLine = { at, container: 'main', stream: 'stdout', text, partial: false };
  addLine(agent.machine, id as TaskId, line);
  return line;
};

describe('watch', () => {
  it('shows the task now, every change, and its end', async () => {
    const task = await run(['exit', '3']);
    const events = await collect(receiveEvents(`${berth.url}/v1/tasks/${task.id}/watch`, headers()));
    const states = events.map(({ data }) => data.state);
    expect(states.at(-1)).toBe('stopped');
    expect(events.at(-1)?.data).toMatchObject({ stopCode: 'EssentialContainerExited', containers: [{ state: 'exited', exitCode: 3 }] });
    const texts = events.map(({ data }) => JSON.stringify(data));
    expect(new Set(texts).size).toBe(texts.length);
    expect((await api().get(`/v1/tasks/${task.id}`)).body).toEqual(events.at(-1)?.data);
  });

  it('of one that has stopped is one event', async () => {
    const task = await run(['exit', '0']);
    await untilState(task.id, 'stopped');
    expect(await collect(receiveEvents(`${berth.url}/v1/tasks/${task.id}/watch`, headers()))).toHaveLength(1);
  });
});

describe('logs', () => {
  it('follow from before the start to the end, every line once', async () => {
    const filler = await run(['run'], { overrides: { memoryMiB: 4_000 } });
    await untilState(filler.id, 'running');
    const task = await run(['run']);
    const following = collect(receiveEvents(`${berth.url}/v1/tasks/${task.id}/logs?follow=true`, headers()));
    await api().post(`/v1/tasks/${filler.id}/stop`).expect(200);
    await untilState(task.id, 'running');
    const lines = [print(task.id, 'one'), print(task.id, 'two')];
    await sleep(300);
    lines.push(print(task.id, 'three'));
    await sleep(300);
    await api().post(`/v1/tasks/${task.id}/stop`).expect(200);
    const events = await following;
    const texts = events.filter((event) => event.event === 'message').map((event) => event.data.text);
    for (const line of lines) expect(texts.filter((text) => text === line.text)).toEqual([line.text]);
    expect(events.find((event) => event.data.text === 'two')?.id).toMatch(/^main:\d+$/);
    expect(events.at(-1)).toMatchObject({ event: 'end', data: { state: 'stopped', stopCode: 'UserInitiated' } });
  });

  it('are a list, of the newest lines if there are many', async () => {
    const task = await run(['run']);
    await untilState(task.id, 'running');
    agent.machine.logs.set(task.id as TaskId, []);
    for (let n = 1; n <= 30; n++) print(task.id, `line ${n}`, new Date(1_700_000_000_000 + n * 1000).toISOString());
    const texts = async (query: string) =>
      (await api().get(`/v1/tasks/${task.id}/logs${query}`).expect(200)).body.items.map((line: LogLine) => line.text);
    expect(await texts('')).toHaveLength(30);
    expect(await texts('?tail=2')).toEqual(['line 29', 'line 30']);
    expect(await texts('?tail=0')).toEqual([]);
    expect(await texts(`?since=${new Date(1_700_000_000_000 + 29_000).toISOString()}`)).toEqual(['line 29', 'line 30']);
    const { status, body } = await api().get(`/v1/tasks/${task.id}/logs?container=other`);
    expect({ status, field: body.field }).toEqual({ status: 422, field: 'container' });
    await api().post(`/v1/tasks/${task.id}/stop`);
  });

  it('go on after the line that the client had last', async () => {
    const task = await run(['run']);
    await untilState(task.id, 'running');
    agent.machine.logs.set(task.id as TaskId, []);
    for (const n of [1, 2, 3]) print(task.id, `line ${n}`, new Date(1_700_000_000_000 + n).toISOString());
    await api().post(`/v1/tasks/${task.id}/stop`);
    await untilState(task.id, 'stopped');
    const url = `${berth.url}/v1/tasks/${task.id}/logs`;
    const events = await collect(receiveEvents(url, { ...headers(), accept: 'text/event-stream', 'last-event-id': 'main:2' }));
    const texts = events.filter((event) => event.event === 'message').map((event) => event.data.text);
    expect(texts).toContain('line 3');
    expect(texts).not.toContain('line 2');
  });

  it('of a task that never had a host are empty', async () => {
    const task = await run(['run'], { overrides: { cpuMillis: 256_000 } });
    await api().post(`/v1/tasks/${task.id}/stop`).expect(200);
    expect((await api().get(`/v1/tasks/${task.id}/logs`).expect(200)).body).toEqual({ items: [], truncated: false, cursor: null });
    const events = await collect(receiveEvents(`${berth.url}/v1/tasks/${task.id}/logs?follow=true`, headers()));
    expect(events).toMatchObject([{ event: 'end', data: { state: 'stopped' } }]);
  });
});

describe('cost', () => {
  it('grows while the task runs and is final when it has stopped', async () => {
    const task = await run(['run'], { overrides: { cpuMillis: 1000, memoryMiB: 1024 } });
    await untilState(task.id, 'running');
    const cost = async () => (await api().get(`/v1/tasks/${task.id}/cost`).expect(200)).body;
    const first = await cost();
    expect(first).toMatchObject({ live: true, perHour: '0.0333', currency: 'USD', priceBook: 'default:1' });
    await sleep(50);
    expect(Number((await cost()).total)).toBeGreaterThan(Number(first.total));
    await api().post(`/v1/tasks/${task.id}/stop`);
    await untilState(task.id, 'stopped');
    await expect
      .poll(async () => (await berth.database.query('SELECT count(*)::int AS n FROM usage_records WHERE task_id = $1', [task.id]))[0].n)
      .toBeGreaterThan(0);
    const last = await cost();
    expect(last).toMatchObject({ live: false, perHour: '0' });
    expect(Number(last.total)).toBeGreaterThan(0);
    expect(await cost()).toEqual(last);
  });
});

describe('streams and shutdown', () => {
  it('an open stream ends when the process stops', async () => {
    const other = await startApi({ DATABASE_URL: berth.config.databaseUrl, BERTH_ROLES: 'api', BERTH_DEFAULT_REGISTRY: registry.address });
    const task = await run(['run']);
    const watching = receiveEvents(`${other.url}/v1/tasks/${task.id}/watch`, headers());
    expect((await watching.next()).value?.data.id).toBe(task.id);
    const rest = collect(watching);
    await other.stop();
    await rest;
    await api().post(`/v1/tasks/${task.id}/stop`);
  });

  it('a reader that goes frees the stream', async () => {
    const task = await run(['run']);
    const aborter = new AbortController();
    const watching = collect(receiveEvents(`${berth.url}/v1/tasks/${task.id}/watch`, headers(), aborter.signal)).catch(() => 'gone');
    const streams = berth.app.get(OpenStreams);
    await expect.poll(() => streams.count, { timeout: 10_000 }).toBe(1);
    aborter.abort();
    expect(await watching).toBe('gone');
    await expect.poll(() => streams.count, { timeout: 10_000 }).toBe(0);
    await api().post(`/v1/tasks/${task.id}/stop`);
  });
});
