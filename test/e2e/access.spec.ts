// Every route of the OpenAPI document, with no key, a wrong one, another tenant's, and too small a role. A route that
// is new is walked by itself; one that names an object must be told here where to find one of another tenant.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeApi } from '../../src/app.js';
import { type Api, startApi } from '../support/api.js';
import { type ApiRoute, apiRoutes, readOpenApi } from '../support/openapi.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { pushTinyImage } from '../support/tiny-image.js';

const publicRoutes = [
  'GET /.well-known/jwks.json',
  'GET /.well-known/openid-configuration',
  'GET /docs',
  'GET /healthz',
  'GET /metrics',
  'GET /openapi.json',
  'GET /readyz',
];
const routes = apiRoutes();
const secured = routes.filter((route) => !publicRoutes.includes(route.title));
const tenantRoutes = secured.filter((route) => route.role !== 'operator' && route.role !== 'any');

/** What a route wants in its body before it looks for the object. */
const bodies: Readonly<Record<string, object>> = {
  'PATCH /v1/tasks/{taskId}': { cpuMillis: 500 },
  'PUT /v1/secrets/{secretName}': { value: 'x' },
  'POST /v1/placements:simulate': { definition: { family: 'x', containers: [{ name: 'main', image: 'busybox' }] } },
  'POST /v1/tasks/{taskId}/signal': { signal: 'HUP' },
};

let registry: TestRegistry;
let berth: Api;
let owner: { id: string; key: string };
let stranger: { id: string; key: string };
/** Objects of `owner`, by the placeholder that names them. */
let objects: Record<string, string>;

beforeAll(async () => {
  registry = await startRegistry();
  await pushTinyImage(registry.address, 'busybox', 'latest', 'one');
  berth = await startApi({ BERTH_DEFAULT_REGISTRY: registry.address, BERTH_INSECURE_REGISTRIES: registry.address });
  owner = await berth.newTenant();
  stranger = await berth.newTenant();
  const run = { definition: { family: 'web', containers: [{ name: 'main', image: 'busybox' }] } };
  const { body } = await berth.as(owner.key).post('/v1/tasks').send(run).expect(201);
  const keys = await berth.as(berth.operatorKey).get(`/v1/tenants/${owner.id}/api-keys`);
  await berth.as(owner.key).post('/v1/security-groups').send({ name: 'owners' }).expect(201);
  await berth.as(owner.key).post('/v1/secrets').send({ name: 'password', value: 'x' }).expect(201);
  await berth.as(owner.key).post('/v1/budgets').send({ name: 'month', amount: '10' }).expect(201);
  await berth.as(owner.key).post('/v1/volumes').send({ name: 'data', sizeMiB: 64 }).expect(201);
  const host = randomUUID();
  await berth.database.query("INSERT INTO hosts (id, name, state) VALUES ($1, 'h1', 'active')", [host]);
  const invoices = await berth.as(owner.key).get('/v1/invoices').expect(200);
  objects = {
    invoiceId: invoices.body.items[0].id,
    taskId: body.items[0].id,
    name: 'web:1',
    tenantId: owner.id,
    keyId: keys.body.items[0].id,
    hostId: host,
    secretName: 'password',
    securityGroup: 'owners',
    volumeName: 'data',
    capacityGroup: 'reserved',
    budgetName: 'month',
  };
});
afterAll(async () => {
  await berth?.stop();
  await registry?.stop();
});

function pathOf(route: ApiRoute, values: Record<string, string> = objects): string {
  return route.path.replace(/\{(\w+)\}/g, (_, placeholder: string) => {
    const value = values[placeholder];
    if (value === undefined) throw new Error(`Say in this test which object {${placeholder}} of ${route.title} can name.`);
    return value;
  });
}

async function call(route: ApiRoute, key?: string) {
  const client = key === undefined ? berth.anonymous() : berth.as(key);
  const answer = await client[route.method](pathOf(route)).send(route.hasBody ? (bodies[route.title] ?? {}) : undefined);
  return { title: route.title, status: answer.status, code: answer.body.code };
}

describe('the document', () => {
  it('is what the code says; run `npm run openapi` if it is not', async () => {
    expect(JSON.parse(JSON.stringify(await describeApi()))).toEqual(readOpenApi());
  });

  it('leaves open what this test lists and nothing else', () => {
    expect(routes.filter((route) => !route.path.startsWith('/v1/')).map((route) => route.title)).toEqual(publicRoutes);
    expect(secured.filter((route) => route.role === undefined)).toEqual([]);
  });
});

describe('without a key', () => {
  it.each(publicRoutes)('%s is open', async (title) => {
    const route = routes.find((one) => one.title === title) as ApiRoute;
    expect((await call(route)).status).toBe(200);
  });

  it.each(secured)('$title is refused', async (route) => {
    expect(await call(route)).toEqual({ title: route.title, status: 401, code: 'unauthenticated' });
  });
});

describe('with a key that is not valid', () => {
  const wrong = [
    'Bearer x',
    'Bearer',
    'Basic dXNlcjpwdw==',
    `Bearer berth_00000000_${'A'.repeat(43)}`,
    `Bearer ${'x'.repeat(5000)}`,
    'Bearer berth_',
  ];
  it.each(wrong)('%s', async (authorization) => {
    for (const route of secured) {
      const { status } = await berth.anonymous()[route.method](pathOf(route)).set('authorization', authorization);
      expect({ title: route.title, status }).toEqual({ title: route.title, status: 401 });
    }
  });

  it('a revoked one stops at once', async () => {
    const key = await berth.newKey(stranger.id, 'owner');
    const { body } = await berth.as(key).get('/v1/whoami').expect(200);
    await berth.as(berth.operatorKey).delete(`/v1/tenants/${stranger.id}/api-keys/${body.keyId}`).expect(200);
    await berth.as(key).get('/v1/whoami').expect(401);
  });
});

describe('with another tenant’s key', () => {
  it.each(tenantRoutes.filter((route) => route.path.includes('{')))('$title has no such object', async (route) => {
    expect(await call(route, stranger.key)).toEqual({ title: route.title, status: 404, code: 'not_found' });
  });

  it('nothing was changed by that', async () => {
    const task = await berth.as(owner.key).get(`/v1/tasks/${objects.taskId}`).expect(200);
    expect(task.body.desiredState).toBe('running');
    expect((await berth.as(owner.key).get('/v1/task-definitions/web:1')).body.deregisteredAt).toBeNull();
    await berth.as(owner.key).get('/v1/volumes/data').expect(200);
  });
});

describe('with too small a role', () => {
  it.each(secured.filter((route) => route.method !== 'get'))('$title is refused to a viewer', async (route) => {
    const viewer = await berth.newKey(owner.id, 'viewer');
    expect(await call(route, viewer)).toEqual({ title: route.title, status: 403, code: 'forbidden' });
  });

  it.each(secured.filter((route) => route.role === 'operator'))('$title is refused to an owner', async (route) => {
    expect(await call(route, owner.key)).toEqual({ title: route.title, status: 403, code: 'forbidden' });
  });

  it.each(tenantRoutes)('$title is not the operator’s', async (route) => {
    expect(await call(route, berth.operatorKey)).toEqual({ title: route.title, status: 403, code: 'forbidden' });
  });

  it('a viewer reads', async () => {
    const viewer = await berth.newKey(owner.id, 'viewer');
    await berth.as(viewer).get(`/v1/tasks/${objects.taskId}`).expect(200);
  });
});

describe('whoami', () => {
  it('says whose key it is', async () => {
    expect((await berth.as(owner.key).get('/v1/whoami')).body).toMatchObject({ role: 'owner', tenant: { id: owner.id } });
    expect((await berth.as(berth.operatorKey).get('/v1/whoami')).body).toEqual({ role: 'operator', keyId: 'operator', tenant: null });
  });
});
