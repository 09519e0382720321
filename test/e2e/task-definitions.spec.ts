// Task definitions over REST: registration, images by digest, revisions, deregistration.
import type { TaskDefinition } from '@berth/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, startApi } from '../support/api.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { pushTinyImage } from '../support/tiny-image.js';

let registry: TestRegistry;
let berth: Api;
let key: string;
let digest: string;

beforeAll(async () => {
  registry = await startRegistry();
  digest = await pushTinyImage(registry.address, 'busybox', 'latest', 'one');
  berth = await startApi({ BERTH_DEFAULT_REGISTRY: registry.address, BERTH_INSECURE_REGISTRIES: registry.address });
  key = (await berth.newTenant()).key;
});
afterAll(async () => {
  await berth?.stop();
  await registry?.stop();
});

const definition = (family: string, more: object = {}) => ({ family, containers: [{ name: 'main', image: 'busybox' }], ...more });
const register = (body: object, as = key) => berth.as(as).post('/v1/task-definitions').send(body);

describe('POST /v1/task-definitions', () => {
  it('fills in defaults and pins the image', async () => {
    const { status, body } = await register(definition('pins'));
    expect(status).toBe(201);
    expect(body).toMatchObject({
      name: 'pins:1',
      cpuMillis: 250,
      memoryMiB: 128,
      containers: [{ name: 'main', image: 'busybox', imageDigest: digest, essential: true, stopTimeoutSeconds: 30 }],
      deregisteredAt: null,
    });
  });

  it('counts revisions without gaps, whoever registers at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => register(definition('busy'))));
    expect(answers.map((answer) => answer.status)).toEqual(Array(20).fill(201));
    const revisions = answers.map((answer) => (answer.body as TaskDefinition).revision).sort((a, b) => a - b);
    expect(revisions).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });

  it.each([
    ['an unknown field', { colour: 'red' }, 'colour', 'invalid_request'],
    ['a size that is too small', { memoryMiB: 1 }, 'memoryMiB', 'invalid_request'],
    [
      'a field of a container',
      { containers: [{ name: 'main', image: 'busybox', comand: ['ls'] }] },
      'containers.0.comand',
      'invalid_request',
    ],
    [
      'two containers of one name',
      {
        containers: [
          { name: 'a', image: 'busybox' },
          { name: 'a', image: 'busybox' },
        ],
      },
      'containers.1.name',
      'invalid_request',
    ],
    ['no containers', { containers: [] }, 'containers', 'invalid_request'],
    ['NUL in an argument', { containers: [{ name: 'a', image: 'busybox', command: ['\0'] }] }, 'containers.0.command.0', 'invalid_request'],
    ['half a surrogate pair', { tags: { mood: '\ud83d' } }, 'tags.mood', 'invalid_request'],
    [
      'an image that is not there',
      {
        containers: [
          { name: 'a', image: 'busybox' },
          { name: 'b', image: 'nope:1' },
        ],
      },
      'containers.1.image',
      'unknown_image',
    ],
    ['a tag that is not there', { containers: [{ name: 'a', image: 'busybox:nope' }] }, 'containers.0.image', 'unknown_image'],
    [
      'a digest that is not there',
      { containers: [{ name: 'a', image: `busybox@sha256:${'0'.repeat(64)}` }] },
      'containers.0.image',
      'unknown_image',
    ],
  ])('refuses %s, names the field and keeps nothing', async (_, change, field, code) => {
    const { status, body } = await register(definition('refused', change));
    expect({ status, code: body.code, field: body.field }).toEqual({ status: 422, code, field });
    expect(body.message).toMatch(/\.$/);
    await berth.as(key).get('/v1/task-definitions/refused').expect(404);
  });

  it('takes a digest as it is', async () => {
    const { body } = await register({ family: 'by-digest', containers: [{ name: 'a', image: `busybox@${digest}` }] });
    expect(body.containers[0].imageDigest).toBe(digest);
  });
});

describe('GET and DELETE /v1/task-definitions', () => {
  it('shows the newest or the named revision, and lists by family page by page', async () => {
    const tenant = await berth.newTenant();
    for (const family of ['b', 'a', 'b', 'b']) await register(definition(family), tenant.key).expect(201);
    const api = berth.as(tenant.key);
    expect((await api.get('/v1/task-definitions/b')).body.name).toBe('b:3');
    expect((await api.get('/v1/task-definitions/b:2')).body.name).toBe('b:2');
    const names: string[] = [];
    let cursor = '';
    do {
      const { body } = await api.get(`/v1/task-definitions?limit=3${cursor && `&cursor=${cursor}`}`).expect(200);
      names.push(...body.items.map((item: TaskDefinition) => item.name));
      cursor = body.nextCursor;
    } while (cursor);
    expect(names).toEqual(['a:1', 'b:3', 'b:2', 'b:1']);
    expect((await api.get('/v1/task-definitions?family=a')).body.items).toHaveLength(1);
  });

  it('deregisters a revision once and for all, and does not use its number again', async () => {
    await register(definition('gone')).expect(201);
    await register(definition('gone')).expect(201);
    const api = berth.as(key);
    const first = await api.delete('/v1/task-definitions/gone:2').expect(200);
    expect(first.body.deregisteredAt).not.toBeNull();
    const again = await api.delete('/v1/task-definitions/gone:2').expect(200);
    expect(again.body).toEqual(first.body);
    expect((await api.get('/v1/task-definitions/gone')).body.name).toBe('gone:1');
    expect((await api.get('/v1/task-definitions/gone:2')).body.deregisteredAt).not.toBeNull();
    await api.post('/v1/tasks').send({ taskDefinition: 'gone:2' }).expect(404);
    expect((await register(definition('gone'))).body.name).toBe('gone:3');
  });

  it('keeps a revision whose tasks have not stopped', async () => {
    await register(definition('held')).expect(201);
    const api = berth.as(key);
    const { body } = await api.post('/v1/tasks').send({ taskDefinition: 'held' }).expect(201);
    const refused = await api.delete('/v1/task-definitions/held:1').expect(409);
    expect(refused.body.code).toBe('definition_in_use');
    await api.post(`/v1/tasks/${body.items[0].id}/stop`).expect(200);
    await api.delete('/v1/task-definitions/held:1').expect(200);
  });

  it.each(['nope', 'nope:1', 'UPPER:x', '..%2F..', `${'x'.repeat(10_000)}`, '%00', ':1'])('has no %s', async (name) => {
    const { status, body } = await berth.as(key).get(`/v1/task-definitions/${name}`);
    expect({ status, code: body.code }).toEqual({ status: 404, code: 'not_found' });
  });

  it('wants a revision to deregister', async () => {
    await register(definition('whole')).expect(201);
    const { status, body } = await berth.as(key).delete('/v1/task-definitions/whole');
    expect({ status, field: body.field }).toEqual({ status: 422, field: 'name' });
  });
});
