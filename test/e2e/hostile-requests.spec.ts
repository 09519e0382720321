// What nobody should send, to every route of the OpenAPI document that takes it: fields it does not know, ids that are
// none, pages and bodies that are too large.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, startApi } from '../support/api.js';
import { bodyOf, pathOf, send } from '../support/api-walk.js';
import { type ApiRoute, apiRoutes } from '../support/openapi.js';

const routes = apiRoutes().filter((route) => route.path.startsWith('/v1/'));
const withJson = routes.filter((route) => route.body !== null);

let berth: Api;
let owner: { id: string; key: string };

beforeAll(async () => {
  berth = await startApi();
  owner = await berth.newTenant();
});
afterAll(() => berth?.stop());

const headersFor = (route: ApiRoute) => ({ authorization: `Bearer ${route.role === 'operator' ? berth.operatorKey : owner.key}` });

describe('fields', () => {
  it.each(withJson)('$title takes none that it does not know', async (route) => {
    const { additionalProperties, anyOf, allOf, properties = {} } = route.body ?? {};
    if (!anyOf && !allOf) expect(additionalProperties).toBe(false);
    // An operator may name the tenant of some.
    for (const field of ['isOperator', 'tenantId', '__proto__x'].filter((name) => !Object.hasOwn(properties, name))) {
      const body = { ...bodyOf(route), [field]: owner.id };
      expect(await send(berth.url, route, headersFor(route), { body })).toMatchObject({ status: 422 });
    }
  });

  it('that are privileged change nothing', async () => {
    const body = { name: 'k', role: 'operator' };
    await berth.as(owner.key).post('/v1/api-keys').send(body).expect(422);
    await berth.as(owner.key).post('/v1/invitations').send({ email: 'a@example.com', role: 'operator' }).expect(422);
    await berth.as(owner.key).post('/v1/tenants').send({ name: 'x' }).expect(403);
  });
});

describe('ids', () => {
  const hostile = ['../x', '%2e%2e/x', 'a\0b', 'x'.repeat(10_000), "' OR 1=1 --", '\ud83d\ude00', '*', ' ', 'null', '-1', '{}'];
  const named = routes.filter((route) => route.path.includes('{'));

  it.each(named)('$title knows none of those', async (route) => {
    const names = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
    for (const id of hostile) {
      const path = pathOf(route, Object.fromEntries(names.map((name) => [name, id])));
      const { status, message = '' } = await send(berth.url, route, headersFor(route), { path });
      expect({ id: id.slice(0, 20), status: [403, 404, 422, 431].includes(status) ? 'refused' : status }).toEqual({
        id: id.slice(0, 20),
        status: 'refused',
      });
      expect(message.length, 'what is repeated back').toBeLessThan(600);
    }
  });
});

describe('pages', () => {
  const paged = routes.filter((route) => route.query.some(({ name }) => name === 'limit'));

  it.each(paged)('$title has a largest', async (route) => {
    const [path] = pathOf(route, { tenantId: owner.id }).split('?');
    for (const query of ['limit=0', 'limit=-1', 'limit=501', 'limit=1e9', 'limit=x', 'limit=1&limit=2']) {
      expect(await send(berth.url, route, headersFor(route), { path: `${path}?${query}` })).toMatchObject({ status: 422, field: 'limit' });
    }
  });

  it.each(routes.filter((route) => route.query.some(({ name }) => name === 'cursor') && !route.path.includes('{')))(
    '$title takes only cursors of its own',
    async (route) => {
      const foreign = Buffer.from(JSON.stringify(['other', 'x', 'y'])).toString('base64url');
      for (const cursor of ['garbage', foreign, '%00', 'A'.repeat(501)])
        expect(await send(berth.url, route, headersFor(route), { path: `${pathOf(route)}?cursor=${cursor}` })).toMatchObject({
          status: 422,
        });
    },
  );
});

describe('bodies', () => {
  it.each(withJson)('$title has a largest', async (route) => {
    const body = JSON.stringify({ name: 'x'.repeat(1024 * 1024) });
    expect(await send(berth.url, route, headersFor(route), { body })).toMatchObject({ status: 413, code: 'body_too_large' });
  });
});
