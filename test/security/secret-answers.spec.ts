// No answer of the API has the value of a secret in it: not of what is asked about tasks that hold it, not of a refusal of
// the request that brought it, and not of a task that could not be started with it. One real task has it, as a variable,
// as a file and from an environment file; what it has as a plain variable is the control of the search.
import { randomBytes } from 'node:crypto';
import type { Task } from '@berth/contract';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { pathOf } from '../support/api-walk.js';
import { type ApiRoute, apiRoutes } from '../support/openapi.js';
import { type RealHost, startRealHost } from '../support/real-host.js';

const random = () => randomBytes(12).toString('hex');
const value = `hunter2-${random()}`;
const fromFile = `hunter3-${random()}`;
const settings = `FROM_FILE=${fromFile}\n`;
/** Not NAME=value, so that the task that wants it can't be started. */
const broken = `hunter4-${random()}`;
const plain = `plain-${random()}`;
const base64 = (text: string) => Buffer.from(text).toString('base64');
const secretTexts = [value, fromFile, broken, ...[value, settings, broken].map(base64)];
const patience = { timeout: 60_000, interval: 100 };

let host: RealHost;
let owner: string;
let task: Task;
let failed: Task;

beforeAll(async () => {
  host = await startRealHost();
  owner = await host.berth.newKey(host.tenant.id, 'owner');
  const api = host.berth.as(owner);
  for (const [name, text] of Object.entries({ password: value, settings, broken }))
    await api.post('/v1/secrets').send({ name, value: text }).expect(201);
  await api.post('/v1/secrets').send({ name: 'shown', value: plain, sensitive: false }).expect(201);
  await api.put('/v1/secrets/password').send({ value }).expect(200);
  const image = await host.registry.push('busybox', {});
  const main = {
    ...{ name: 'main', image, environment: { PLAIN: plain } },
    secrets: [{ name: 'PASSWORD', from: 'password' }],
    secretFiles: [{ path: '/key', from: 'password' }],
  };
  const command = ['sh', '-c', 'test -n "$PASSWORD" && test -s /key && test -n "$FROM_FILE" && echo "has all $PLAIN"; sleep 1000'];
  const run = async (family: string, more: object) => {
    const definition = { family, memoryMiB: 128, ephemeralStorageMiB: 64, containers: [{ ...main, ...more }] };
    await api.post('/v1/task-definitions').send(definition).expect(201);
    return (
      await api
        .post('/v1/tasks')
        .send({ taskDefinition: `${family}:1`, tags: { plain } })
        .expect(201)
    ).body.items[0] as Task;
  };
  task = await run('holder', { command, environmentFiles: ['settings'] });
  failed = await run('failed', { command: ['true'], environmentFiles: ['broken'] });
  await vi.waitUntil(async () => (await api.get(`/v1/tasks/${failed.id}`)).body.state === 'stopped', patience);
  await vi.waitUntil(async () => (await api.get(`/v1/tasks/${task.id}/logs`)).text.includes('has all'), patience);
});
afterAll(() => host?.stop());

interface Heard {
  readonly title: string;
  readonly status: number;
  readonly text: string;
}

/** All of an answer, or as much as comes in a while: streams don't end. */
async function ask(title: string, path: string, key: string): Promise<Heard> {
  const answer = await fetch(host.berth.url + path, { headers: { authorization: `Bearer ${key}` } });
  const headers = JSON.stringify([...answer.headers]);
  const isStream = answer.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
  if (!isStream) return { title, status: answer.status, text: headers + (await answer.text()) };
  const reader = answer.body?.getReader();
  const timer = setTimeout(() => void reader?.cancel(), 2_500);
  let text = headers;
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) text += Buffer.from(part.value).toString();
  clearTimeout(timer);
  return { title, status: answer.status, text };
}

const routes = apiRoutes().filter(({ method, isSocket }) => method === 'get' && !isSocket);

/** Every GET of the API about what the tenant has, by its owner and by the operator. */
async function everyAnswer(): Promise<Heard[]> {
  const hostId = (await host.berth.as(host.berth.operatorKey).get('/v1/hosts').expect(200)).body.items[0].id;
  const objects = (of: Task, family: string, secretName: string) => ({
    ...{ taskId: of.id, name: family, secretName, hostId, tenantId: host.tenant.id, securityGroup: 'default' },
  });
  const asked = (route: ApiRoute) => {
    const paths = [pathOf(route, objects(task, 'holder:1', 'password')), pathOf(route, objects(failed, 'failed:1', 'broken'))];
    return [...new Set(paths)].map((path) => [route.title, path] as const);
  };
  const streams = ['stats?stream=true', 'logs?follow=true'].map((rest) => [rest, `/v1/tasks/${task.id}/${rest}`] as const);
  const all = [...routes.flatMap(asked), ...streams];
  const heard: Heard[] = [];
  for (const key of [owner, host.berth.operatorKey]) heard.push(...(await Promise.all(all.map(([title, path]) => ask(title, path, key)))));
  return heard;
}

const leaksIn = (heard: readonly Heard[]) =>
  heard.filter(({ text }) => secretTexts.some((secret) => text.includes(secret))).map(({ title, status }) => `${title} ${status}`);

it('probe container: no answer about a task has the values of its secrets', async () => {
  const heard = await everyAnswer();
  expect(leaksIn(heard)).toEqual([]);
  const answered = new Set(heard.flatMap(({ title, status }) => (status === 200 ? [title.replace('GET /v1/', '')] : [])));
  const about = ['', '/cost', '/events', '/logs', '/stats', '/stats/history', '/watch'].map((rest) => `tasks/{taskId}${rest}`);
  const others = ['tasks', 'task-definitions', 'task-definitions/{name}', 'secrets', 'secrets/{secretName}', 'costs', 'audit'];
  expect([...answered]).toEqual(
    expect.arrayContaining([...about, ...others, 'platform-audit', 'hosts/{hostId}/events', 'stats?stream=true', 'logs?follow=true']),
  );
  // The control: the same search finds a plain variable, which is a tag and in the log too; and a value that may be read back.
  const found = new Set(heard.flatMap(({ title, text }) => (text.includes(plain) ? [title.replace('GET /v1/', '')] : [])));
  const shown = ['tasks', ...['', '/logs', '/watch'].map((rest) => `tasks/{taskId}${rest}`), 'logs?follow=true'];
  expect([...found]).toEqual(expect.arrayContaining([...shown, 'task-definitions', 'task-definitions/{name}']));
  expect((await ask('', '/v1/secrets/shown', owner)).text).toContain(base64(plain));
  // The other control: that task did fail for its secret, and its answers say so.
  expect((await ask('', `/v1/tasks/${failed.id}`, owner)).text).toContain('line 1 of its environment file broken');
});

const long = value.repeat(4_000);
const tooLarge = value.repeat(60_000);
/** Requests with the value in it, each refused for another reason. */
const refused: readonly (readonly [number, 'POST' | 'PUT', string, unknown])[] = [
  [409, 'POST', 'secrets', { name: 'password', value }],
  [422, 'POST', 'secrets', { name: '?', value }],
  [422, 'POST', 'secrets', { name: 'x', value, valueBase64: base64(value) }],
  [422, 'POST', 'secrets', { name: 'x', value: { text: value } }],
  [422, 'POST', 'secrets', { name: 'x', value: [value] }],
  [422, 'POST', 'secrets', { name: 'x', valueBase64: `${value}?` }],
  [422, 'POST', 'secrets', { name: 'x', value: long }],
  [422, 'POST', 'secrets', { name: 'x', value, sensitive: value }],
  [422, 'POST', 'secrets', { name: 'x', value, description: [value] }],
  [422, 'POST', 'secrets', { name: 'x', value, more: value }],
  [422, 'POST', 'secrets', `{"name": "x", "value": "${value}`],
  [422, 'POST', 'secrets', `{"name": "x", "value": ${value}}`],
  [422, 'POST', 'secrets', value],
  [413, 'POST', 'secrets', { name: 'x', value: tooLarge }],
  [422, 'PUT', 'secrets/password', { value, valueBase64: base64(value) }],
  [422, 'PUT', 'secrets/password', { value: long }],
  [404, 'PUT', 'secrets/nothing', { value }],
  [422, 'POST', 'task-definitions', { family: 'x', containers: [{ name: 'main', image: 'x', secrets: { PASSWORD: value } }] }],
  [422, 'POST', 'task-definitions', { family: 'x', containers: [{ name: 'main', image: 'x', environmentFiles: [`A=${value}`] }] }],
];

it('probe container: no refusal of a request repeats the value that it brought', async () => {
  const send = async (key: string, method: string, path: string, body: unknown): Promise<Heard> => {
    const answer = await fetch(`${host.berth.url}/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    const title = `${method} ${path} ${JSON.stringify(body)
      .replaceAll(/hunter2-\w+/g, '…')
      .slice(0, 60)}`;
    return { title, status: answer.status, text: JSON.stringify([...answer.headers]) + (await answer.text()) };
  };
  const heard: Heard[] = [];
  for (const [, method, path, body] of refused) heard.push(await send(owner, method, path, body));
  const viewer = await host.berth.newKey(host.tenant.id, 'viewer');
  heard.push(await send(viewer, 'PUT', 'secrets/password', { value }), await send('berth_none', 'PUT', 'secrets/password', { value }));
  expect(heard.map(({ title, status }) => `${status} ${title}`)).toEqual(
    [...refused.map(([status]) => status), 403, 401].map((status, index) => `${status} ${heard[index]?.title}`),
  );
  expect(leaksIn(heard)).toEqual([]);
  // Those requests are in the audit, without it.
  expect(leaksIn([await ask('audit', '/v1/audit?limit=500', owner)])).toEqual([]);
  // The control: a refusal does repeat what it may, and the search finds that.
  const named = await send(owner, 'PUT', `secrets/${value}`, { value: 'x' });
  expect(leaksIn([named])).toHaveLength(1);
});
