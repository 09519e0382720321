// Every route and socket of the OpenAPI document, as nobody, with keys that are no good (any more), with each role, with
// another tenant's, and with scopes. What is new is walked by itself; what names an object must be told here where to find
// one of another tenant.
import { randomUUID } from 'node:crypto';
import { areaOf, scopeAreas } from '@berth/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeApi } from '../../src/app.js';
import { type Api, startApi } from '../support/api.js';
import { openSocket, pathOf, send } from '../support/api-walk.js';
import { type ApiRoute, apiRoutes, type RequiredRole, readOpenApi } from '../support/openapi.js';
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
  'POST /v1/invitations/accept',
  'GET /v1/oidc/callback',
  'GET /v1/oidc/login',
  'POST /v1/sessions',
];
const routes = apiRoutes();
const secured = routes.filter((route) => !route.isPublic);
const sockets = routes.filter((route) => route.isSocket);
const isOfTenants = (route: ApiRoute) => route.role !== 'operator' && route.role !== 'any';
const roles = ['viewer', 'developer', 'owner', 'operator'] as const;
const allowed: Readonly<Record<RequiredRole, readonly (typeof roles)[number][]>> = {
  any: roles,
  viewer: ['viewer', 'developer', 'owner'],
  developer: ['developer', 'owner'],
  owner: ['owner'],
  operator: ['operator'],
};

let registry: TestRegistry;
let berth: Api;
let owner: { id: string; key: string };
let stranger: { id: string; key: string };
let keys: Record<(typeof roles)[number] | 'expired' | 'revoked', string>;
/** Objects of `owner`, by the placeholder that names them. */
let objects: Record<string, string>;

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

async function newKey(tenantId: string, body: object): Promise<{ id: string; secret: string }> {
  return (
    await berth
      .as(berth.operatorKey)
      .post(`/v1/tenants/${tenantId}/api-keys`)
      .send({ name: 'k', ...body })
      .expect(201)
  ).body;
}

beforeAll(async () => {
  registry = await startRegistry();
  await pushTinyImage(registry.address, 'busybox', 'latest', 'one');
  berth = await startApi({ BERTH_DEFAULT_REGISTRY: registry.address, BERTH_INSECURE_REGISTRIES: registry.address });
  owner = await berth.newTenant();
  stranger = await berth.newTenant();
  const run = { definition: { family: 'web', containers: [{ name: 'main', image: 'busybox' }] } };
  const { body } = await berth.as(owner.key).post('/v1/tasks').send(run).expect(201);
  await berth.as(owner.key).post('/v1/security-groups').send({ name: 'owners' }).expect(201);
  await berth.as(owner.key).post('/v1/secrets').send({ name: 'password', value: 'x' }).expect(201);
  await berth.as(owner.key).post('/v1/budgets').send({ name: 'month', amount: '10' }).expect(201);
  await berth.as(owner.key).post('/v1/volumes').send({ name: 'data', sizeMiB: 64 }).expect(201);
  const invitation = await berth.as(owner.key).post('/v1/invitations').send({ email: 'a@example.com' }).expect(201);
  const host = randomUUID();
  await berth.database.query("INSERT INTO hosts (id, name, state) VALUES ($1, 'h1', 'active')", [host]);
  const invoices = await berth.as(owner.key).get('/v1/invoices').expect(200);
  const credit = await berth.as(berth.operatorKey).post(`/v1/tenants/${owner.id}/credits`).send({ name: 'c', amount: '1' }).expect(201);
  const [expired, revoked, other] = [await newKey(owner.id, {}), await newKey(owner.id, {}), await newKey(owner.id, { role: 'viewer' })];
  await berth.database.query("UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE id = $1", [expired.id]);
  await berth.as(owner.key).delete(`/v1/api-keys/${revoked.id}`).expect(200);
  keys = {
    owner: owner.key,
    developer: (await newKey(owner.id, { role: 'developer' })).secret,
    viewer: (await newKey(owner.id, { role: 'viewer' })).secret,
    operator: berth.operatorKey,
    expired: expired.secret,
    revoked: revoked.secret,
  };
  objects = {
    invoiceId: invoices.body.items[0].id,
    taskId: body.items[0].id,
    name: 'web:1',
    tenantId: owner.id,
    keyId: other.id,
    hostId: host,
    secretName: 'password',
    securityGroup: 'owners',
    volumeName: 'data',
    capacityGroup: 'reserved',
    budgetName: 'month',
    priceBook: 'default',
    version: '1',
    termId: credit.body.id,
    invitationId: invitation.body.id,
    userId: await memberOf(owner.id),
    // Whose exec session it is does not matter: of another's task there is none.
    sessionId: randomUUID(),
    pool: 'main',
  };
});
afterAll(async () => {
  await berth?.stop();
  await registry?.stop();
});

async function memberOf(tenantId: string): Promise<string> {
  const id = randomUUID();
  await berth.database.query("INSERT INTO users (id, email, name) VALUES ($1, 'm@example.com', 'm')", [id]);
  await berth.database.query("INSERT INTO memberships (tenant_id, user_id, role) VALUES ($1, $2, 'developer')", [tenantId, id]);
  return id;
}

const call = (route: ApiRoute, headers: Record<string, string> = {}, of: Record<string, string> = objects) =>
  send(berth.url, route, headers, { path: pathOf(route, of) });

describe('the document', () => {
  it('is what the code says; run `npm run openapi` if it is not', async () => {
    expect(JSON.parse(JSON.stringify(await describeApi()))).toEqual(readOpenApi());
  });

  it('leaves open what this test lists and nothing else', () => {
    expect(routes.filter((route) => route.isPublic).map((route) => route.title)).toEqual(publicRoutes);
    expect(secured.filter((route) => route.role === undefined || !route.path.startsWith('/v1/'))).toEqual([]);
  });

  it('has a scope for every area of tenants, but for those that no scope reaches', () => {
    const areas = new Set(secured.filter(isOfTenants).map((route) => areaOf(route.path)));
    const without = [...areas].filter((area) => !(scopeAreas as readonly string[]).includes(area));
    expect(without.sort(), 'add it to contract/src/scope.ts').toEqual(['api-keys', 'data-key', 'invitations', 'users']);
  });

  it('names nothing of which this test has no object', () => {
    const names = secured.flatMap((route) => [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? ''));
    expect(
      [...new Set(names)].filter((name) => objects[name] === undefined),
      'say above which object this can name',
    ).toEqual([]);
  });
});

describe('as nobody', () => {
  it.each(publicRoutes.filter((title) => !title.includes('/v1/')))('%s is open', async (title) => {
    expect((await call(routes.find((one) => one.title === title) as ApiRoute)).status).toBe(200);
  });

  it.each(secured)('$title is refused', async (route) => {
    const refused = { title: route.title, status: 401, code: 'unauthenticated' };
    expect(await call(route)).toMatchObject(refused);
    expect(await call(route, bearer(keys.expired))).toMatchObject(refused);
    expect(await call(route, bearer(keys.revoked))).toMatchObject(refused);
  });

  it.each([
    'Bearer x',
    'Bearer',
    'Basic dXNlcjpwdw==',
    `Bearer berth_00000000_${'A'.repeat(43)}`,
    `Bearer berth_session_${'A'.repeat(43)}`,
    `Bearer ${'x'.repeat(5000)}`,
    'Bearer berth_',
    // What says of itself that nobody signed it.
    `Bearer ${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"operator"}').toString('base64url')}.`,
  ])('every route is refused to %s', async (authorization) => {
    for (const route of secured) expect(await call(route, { authorization })).toMatchObject({ title: route.title, status: 401 });
  });
});

describe('with another tenant’s key', () => {
  it.each(secured.filter((route) => isOfTenants(route) && route.path.includes('{')))('$title has no such object', async (route) => {
    expect(await call(route, bearer(stranger.key))).toMatchObject({ title: route.title, status: 404, code: 'not_found' });
  });

  it('nothing was changed by that', async () => {
    const task = await berth.as(owner.key).get(`/v1/tasks/${objects.taskId}`).expect(200);
    expect(task.body.desiredState).toBe('running');
    expect((await berth.as(owner.key).get('/v1/task-definitions/web:1')).body.deregisteredAt).toBeNull();
    await berth.as(owner.key).get('/v1/volumes/data').expect(200);
    await berth.as(owner.key).get('/v1/secrets/password').expect(200);
    expect((await berth.as(owner.key).get('/v1/users').expect(200)).body.items).toMatchObject([{ role: 'developer' }]);
    const key = (await berth.as(owner.key).get('/v1/api-keys')).body.items.find((one: { id: string }) => one.id === objects.keyId);
    expect(key.revokedAt).toBeNull();
  });
});

describe('with each role', () => {
  it.each(secured)('$title is open to those that it is for, and to no others', async (route) => {
    for (const role of roles) {
      // Of things that are not there: nothing is to happen to them.
      const { status, code } = await call(route, bearer(keys[role]), {});
      const may = allowed[route.role ?? 'operator'].includes(role);
      const isRefused = status === 401 || (status === 403 && code !== 'not_signed_in');
      expect({ role, isRefused, code: isRefused ? code : '-' }).toEqual({ role, isRefused: !may, code: may ? '-' : 'forbidden' });
    }
  });

  it('a viewer reads', async () => {
    await berth.as(keys.viewer).get(`/v1/tasks/${objects.taskId}`).expect(200);
  });
});

describe('with a key that has scopes', () => {
  it.each(secured.filter(isOfTenants))('$title is open in its own area only', async (route) => {
    const area = areaOf(route.path);
    const other = area === 'tasks' ? 'secrets:write' : 'tasks:write';
    const refused = await call(route, bearer((await newKey(owner.id, { role: 'owner', scopes: [other] })).secret), {});
    expect(refused).toMatchObject({ status: 403, code: 'out_of_scope' });
    const { secret } = await newKey(owner.id, { role: 'owner', scopes: ['*:write'] });
    const isRefused = [401, 403].includes((await call(route, bearer(secret), {})).status);
    expect(isRefused).toBe(route.role === 'owner' && ['api-keys', 'users', 'invitations'].includes(area));
  });
});

describe('sockets', () => {
  it('are some', () => {
    expect(sockets.length).toBeGreaterThan(1);
  });

  it.each(sockets)('$title is opened by nobody else', async (route) => {
    const open = (headers: Record<string, string>, of = objects) => openSocket(berth.url, pathOf(route, of), headers);
    const cookie = `berth_session=berth_session_${'A'.repeat(43)}`;
    const noGood: Record<string, string>[] = [{}, { cookie }, bearer(keys.expired), bearer(keys.revoked)];
    for (const headers of noGood) expect(await open(headers)).toEqual({ status: 401, code: 'unauthenticated' });
    for (const role of roles.filter((one) => !allowed[route.role ?? 'operator'].includes(one)))
      expect(await open(bearer(keys[role]))).toEqual({ status: 403, code: 'forbidden' });
    expect(await open(bearer(stranger.key))).toEqual({ status: 404, code: 'not_found' });
    const { secret } = await newKey(owner.id, { role: 'owner', scopes: ['tasks:read', 'secrets:write'] });
    expect(await open(bearer(secret))).toEqual({ status: 403, code: 'out_of_scope' });
    expect(await open({ ...bearer(keys.owner), origin: 'https://evil.example' })).toEqual({ status: 403, code: 'bad_origin' });
    expect((await open(bearer(keys.developer), {})).status).toBe(404);
  });
});

describe('whoami', () => {
  it('says whose key it is', async () => {
    expect((await berth.as(owner.key).get('/v1/whoami')).body).toMatchObject({ role: 'owner', tenant: { id: owner.id }, user: null });
    expect((await berth.as(berth.operatorKey).get('/v1/whoami')).body).toMatchObject({ role: 'operator', keyId: 'operator', tenant: null });
  });
});
