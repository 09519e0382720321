// Logs over REST, with a simulated agent: read on from a cursor, by text, stream and time, and from the log store when the
// task has ended and its host is gone, until their time is over.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { agentPaths, type LogLine, logPath, type Task, type TaskId } from '@berth/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postToGateway } from '../../agent/src/gateway-post.js';
import { type SimAgent, startSimAgent } from '../../agent/src/sim/sim-agent.js';
import { addLine } from '../../agent/src/sim/sim-machine.js';
import { LogRetention } from '../../src/logs/log-retention.service.js';
import { type Api, startApi } from '../support/api.js';
import { type ReceivedEvent, receiveEvents } from '../support/events.js';
import { eventually } from '../support/fleet-rows.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { pushTinyImage } from '../support/tiny-image.js';

let registry: TestRegistry;
let berth: Api;
let store: string;
let agent: SimAgent;
let other: SimAgent;
let tenant: { id: string; key: string };

beforeAll(async () => {
  registry = await startRegistry();
  await pushTinyImage(registry.address, 'busybox', 'latest', 'one');
  store = await mkdtemp(join(tmpdir(), 'berth-test-logs-'));
  berth = await startApi({ BERTH_DEFAULT_REGISTRY: registry.address, BERTH_INSECURE_REGISTRIES: registry.address, BERTH_LOG_STORE: store });
  tenant = await berth.newTenant();
  agent = await newAgent('sim', 4_000);
  other = await newAgent('full', 1);
});
afterAll(async () => {
  await agent?.stop();
  await other?.stop();
  await berth?.stop();
  await registry?.stop();
  await rm(store, { recursive: true, force: true });
});

async function newAgent(name: string, cpuMillis: number): Promise<SimAgent> {
  const { body } = await berth.as(berth.operatorKey).post('/v1/host-tokens').send({}).expect(201);
  const capacity = { cpuMillis, memoryMiB: 4_000, taskSlots: 20 };
  return startSimAgent({ gatewayUrl: berth.config.gateway.url, admission: { token: body.token }, name, capacity });
}

const api = () => berth.as(tenant.key);
const headers = () => ({ authorization: `Bearer ${tenant.key}` });

async function untilState(id: string, state: string): Promise<Task> {
  return eventually(async () => {
    const task = (await api().get(`/v1/tasks/${id}`).expect(200)).body as Task;
    return task.state === state && task;
  });
}

async function running(): Promise<string> {
  const containers = ['main', 'side'].map((name) => ({ name, image: 'busybox', command: ['run'] }));
  const { id } = (
    await api()
      .post('/v1/tasks')
      .send({ definition: { family: 'logs', containers } })
      .expect(201)
  ).body.items[0];
  await untilState(id, 'running');
  agent.machine.logs.set(id, []);
  return id;
}

const second = (n: number) => new Date(1_700_000_000_000 + n * 1000).toISOString();
function print(id: string, n: number, text: string, more: Partial<LogLine> = {}): void {
  addLine(agent.machine, id as TaskId, { at: second(n), container: 'main', stream: 'stdout', text, partial: false, ...more });
}

async function stop(id: string): Promise<void> {
  await api().post(`/v1/tasks/${id}/stop`).expect(200);
  await untilState(id, 'stopped');
}

const page = async (id: string, query: string) => (await api().get(`/v1/tasks/${id}/logs?${query}`).expect(200)).body;
const texts = async (id: string, query = '') => (await page(id, query)).items.map(({ text }: LogLine) => text);

async function collect(url: string, more: Record<string, string> = {}): Promise<ReceivedEvent[]> {
  const all: ReceivedEvent[] = [];
  for await (const event of receiveEvents(url, { ...headers(), ...more })) all.push(event);
  return all;
}

const isStored = (id: string) =>
  eventually(async () => (await berth.database.query('SELECT 1 FROM stored_logs WHERE task_id = $1', [id])).length > 0);

function printSome(id: string): void {
  for (let n = 1; n <= 5; n += 1) print(id, n * 2, `main ${n}`);
  for (let n = 1; n <= 3; n += 1) print(id, n * 2 + 1, `side ${n}`, { container: 'side', stream: 'stderr' });
}

/** The same of a task that runs and of one whose log is in the store. */
async function expectPages(id: string): Promise<void> {
  const all = await texts(id);
  let cursor = 'main:0';
  const seen: string[] = [];
  for (let more = true; more; ) {
    const part = await page(id, `tail=3&cursor=${cursor}`);
    seen.push(...part.items.map(({ text }: LogLine) => text));
    more = part.truncated;
    cursor = part.cursor;
  }
  expect([...seen].sort()).toEqual([...all].sort());
  expect(await texts(id, `cursor=${cursor}`)).toEqual([]);
  expect(await texts(id, 'stream=stderr')).toEqual(['side 1', 'side 2', 'side 3']);
  expect(await texts(id, 'grep=main+5')).toEqual(['main 5']);
  expect(await texts(id, `since=${second(4)}&until=${second(6)}&container=main`)).toEqual(['main 2', 'main 3']);
  expect((await page(id, 'tail=2&container=main')).items.at(0).text).toMatch(/^main 4|main 5|ended/);
}

describe('a part of a log', () => {
  it('is read page by page, and by text, stream and time, from the host and from the store', async () => {
    const id = await running();
    printSome(id);
    await expectPages(id);
    await stop(id);
    await isStored(id);
    await expectPages(id);
  });

  it('is refused for what is no cursor', async () => {
    const id = await running();
    for (const cursor of ['x', '../main:1', 'main:1;side:2']) {
      const { status, body } = await api().get(`/v1/tasks/${id}/logs?cursor=${cursor}`);
      expect({ status, field: body.field }).toEqual({ status: 422, field: 'cursor' });
    }
    await stop(id);
  });
});

describe('following', () => {
  it('goes on exactly where the connection broke, in every container', async () => {
    const id = await running();
    printSome(id);
    const whole = receiveEvents(`${berth.url}/v1/tasks/${id}/logs?follow=true`, headers());
    const all: ReceivedEvent[] = [];
    for (let n = 0; n < 8; n += 1) all.push((await whole.next()).value as ReceivedEvent);
    await whole.return(undefined);
    for (const seen of [1, 4, 7]) {
      const rest = receiveEvents(`${berth.url}/v1/tasks/${id}/logs?follow=true`, {
        ...headers(),
        'last-event-id': all[seen - 1]?.id ?? '',
      });
      const got: string[] = [];
      for (let n = seen; n < 8; n += 1) got.push((await rest.next()).value?.data.text);
      await rest.return(undefined);
      expect(got.sort()).toEqual(
        all
          .slice(seen)
          .map(({ data }) => data.text)
          .sort(),
      );
    }
    await stop(id);
  });

  it('begins at the newest lines and goes on from there, also in a container that none of them is of', async () => {
    const id = await running();
    printSome(id);
    const first = receiveEvents(`${berth.url}/v1/tasks/${id}/logs?follow=true&tail=1`, headers());
    const { id: cursor } = (await first.next()).value as ReceivedEvent;
    await first.return(undefined);
    print(id, 60, 'new', { container: 'side' });
    await stop(id);
    const events = await collect(`${berth.url}/v1/tasks/${id}/logs?follow=true`, { 'last-event-id': cursor ?? '' });
    expect(
      events
        .filter(({ event }) => event === 'message')
        .map(({ data }) => data.text)
        .filter((text) => !text.startsWith('ended')),
    ).toEqual(['new']);
  });
});

describe('the log of an ended task', () => {
  it('is in the store, and is read from there when the host is gone', async () => {
    const id = await running();
    printSome(id);
    await stop(id);
    await isStored(id);
    expect(await readdir(join(store, tenant.id, id))).toEqual(['main', 'side']);
    agent.machine.logs.delete(id as TaskId);
    expect(await texts(id)).toEqual(expect.arrayContaining(['main 1', 'side 3']));
    const events = await collect(`${berth.url}/v1/tasks/${id}/logs?follow=true`);
    expect(events.at(0)?.data.text).toBe('main 1');
    expect(events.at(-1)).toMatchObject({ event: 'end', data: { state: 'stopped' } });
    const tail = await collect(`${berth.url}/v1/tasks/${id}/logs?follow=true&tail=2`);
    expect(tail.filter(({ event }) => event === 'message')).toHaveLength(2);
    const stranger = await berth.newTenant();
    await berth.as(stranger.key).get(`/v1/tasks/${id}/logs`).expect(404);
  });

  it('is removed when its time is over, which is said', async () => {
    const id = await running();
    printSome(id);
    await stop(id);
    await isStored(id);
    const retention = berth.app.get(LogRetention);
    await retention.sweep();
    expect(await texts(id)).toContain('main 1');
    await berth.database.query("UPDATE stored_logs SET stored_at = now() - interval '15 days' WHERE task_id = $1", [id]);
    expect(await retention.sweep()).toBe(1);
    expect(await readdir(join(store, tenant.id))).not.toContain(id);
    const { status, body } = await api().get(`/v1/tasks/${id}/logs`);
    expect({ status, code: body.code }).toEqual({ status: 410, code: 'log_expired' });
    expect(await retention.sweep()).toBe(0);
  });
});

describe('a host', () => {
  const post = (from: SimAgent, path: string, body: object | Buffer) => {
    const { key, certificate, authority } = from.identity;
    return postToGateway(berth.config.gateway.url, agentPaths.logs + path, body, { key, cert: certificate, ca: authority }).then(
      () => 200,
      (error: { status?: number }) => error.status,
    );
  };
  const chunk = gzipSync('2026-01-01T00:00:00.000000000Z stdout F mine\n');

  it('may send the logs of its own tasks only, and nothing but chunks of logs', async () => {
    const id = await running();
    const place = logPath(id, { container: 'main', start: 0 });
    expect(await post(other, place, chunk)).toBe(404);
    expect(await post(other, logPath(id), { chunks: [] })).toBe(404);
    expect(await post(agent, place, Buffer.from('no gzip'))).toBe(422);
    expect(await post(agent, place, gzipSync(Buffer.alloc(64 * 1024 * 1024)))).toBe(422);
    expect(await post(agent, place, Buffer.alloc(2 * 1024 * 1024))).toBe(413);
    for (const path of [`${id}/../../x/0`, `${id}/main/-1`, `${id}/main/1/2`, 'x', `${id}/Main/0`, `${id}/main`])
      expect(await post(agent, path, chunk)).toBe(404);
    expect(await post(agent, logPath(id), { chunks: [{ container: '../x', start: 0, bytes: 1 }] })).toBe(422);
    expect(await readdir(store)).not.toContain('x');
    await stop(id);
  });
});
