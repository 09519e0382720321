// Quotas: real requests at the same time, none of which gets more than there is.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, startApi } from '../support/api.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { pushTinyImage } from '../support/tiny-image.js';

let registry: TestRegistry;
let berth: Api;

beforeAll(async () => {
  registry = await startRegistry();
  await pushTinyImage(registry.address, 'busybox', 'latest', 'one');
  berth = await startApi({ BERTH_DEFAULT_REGISTRY: registry.address, BERTH_INSECURE_REGISTRIES: registry.address });
});
afterAll(async () => {
  await berth?.stop();
  await registry?.stop();
});

const operator = () => berth.as(berth.operatorKey);
const run = (key: string, more: object = {}) =>
  berth
    .as(key)
    .post('/v1/tasks')
    .send({ definition: { family: 'web', cpuMillis: 250, memoryMiB: 128, containers: [{ name: 'main', image: 'busybox' }] }, ...more });

async function tenantWith(limits: object): Promise<{ id: string; key: string }> {
  const tenant = await berth.newTenant();
  await operator().patch(`/v1/tenants/${tenant.id}/quotas`).send(limits).expect(200);
  return tenant;
}

const used = async (key: string, name: string) =>
  (await berth.as(key).get('/v1/quotas').expect(200)).body.items.find((quota: { name: string }) => quota.name === name);

describe('100 requests at once', () => {
  it.each([
    ['tasks', 10, 'tasks that have not stopped is 10 tasks, of which 10 are used; this needs 1 more'],
    ['cpuMillis', 2_500, 'of those tasks is 2500 milli-CPUs, of which 2500 are used; this needs 250 more'],
    ['memoryMiB', 1_300, 'of those tasks is 1300 MiB, of which 1280 are used; this needs 128 more'],
    ['diskMiB', 10_240, 'of those tasks is 10240 MiB, of which 10240 are used; this needs 1024 more'],
  ])('get ten tasks of a quota for %s', async (name, limit, words) => {
    const { key } = await tenantWith({ [name]: limit });
    const answers = await Promise.all(Array.from({ length: 100 }, () => run(key)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(10);
    const refused = answers.filter(({ status }) => status !== 201);
    expect(new Set(refused.map(({ status, body }) => `${status} ${body.code}`))).toEqual(new Set(['409 quota_exceeded']));
    expect(refused[0]?.body.message).toContain(words);
    expect(await used(key, 'tasks')).toMatchObject({ used: 10 });
    expect(
      await berth.database.query(
        'SELECT count(*)::int AS n FROM tasks WHERE tenant_id = (SELECT tenant_id FROM api_keys WHERE prefix = $1)',
        [key.slice(6, 14)],
      ),
    ).toEqual([{ n: 10 }]);
  });

  it('get ten volumes of a quota for ten, and none beyond a size', async () => {
    const { key } = await tenantWith({ volumes: 10, volumeMiB: 2_000 });
    const make = (name: string, sizeMiB = 100) => berth.as(key).post('/v1/volumes').send({ name, sizeMiB });
    expect((await make('large', 2_001)).body.code).toBe('quota_exceeded');
    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => make(`v${n}`)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(10);
    expect(await used(key, 'volumeMiB')).toMatchObject({ limit: 2_000, used: 1_000 });
  });

  it('start no more than the launch rate has left, and are told when to come again', async () => {
    const { key } = await tenantWith({ launchesPerMinute: 6 });
    const answers = await Promise.all(Array.from({ length: 100 }, () => run(key)));
    const made = answers.filter(({ status }) => status === 201).length;
    // The bucket fills by one in ten seconds.
    expect(made).toBeGreaterThanOrEqual(6);
    expect(made).toBeLessThanOrEqual(9);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.body.code).toBe('launch_rate_exceeded');
    expect(refused?.body.message).toContain('The quota is 6 tasks a minute; 0 can be started now, and this starts 1.');
    expect(Number(refused?.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    const whole = await run(key, { count: 7 });
    expect({ status: whole.status, code: whole.body.code }).toEqual({ status: 409, code: 'quota_exceeded' });
  });
});

describe('a quota', () => {
  it('comes back when tasks end, and is not spent by what fails', async () => {
    const { key } = await tenantWith({ tasks: 2, launchesPerMinute: 3 });
    expect((await run(key, { overrides: { securityGroups: ['none'] } })).body.code).toBe('unknown_security_group');
    const { body } = await run(key, { count: 2 }).expect(201);
    expect((await run(key)).body.code).toBe('quota_exceeded');
    await berth.as(key).post(`/v1/tasks/${body.items[0].id}/stop`).expect(200);
    await run(key).expect(201);
    expect((await berth.as(key).get('/v1/quotas')).body.items).toMatchObject([
      { name: 'tasks', limit: 2, used: 2 },
      ...Array.from({ length: 7 }, () => ({})),
    ]);
  });

  it('is not spent twice by a request that is repeated', async () => {
    const { key } = await tenantWith({ tasks: 1 });
    const repeat = () => run(key).set('Idempotency-Key', 'once');
    const answers = await Promise.all([repeat(), repeat(), repeat()]);
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.items?.[0].id}`)).size).toBe(1);
    expect(answers[0]?.status).toBe(201);
  });

  it('is the tenant’s own, else the default, else none', async () => {
    const tenant = await berth.newTenant();
    const path = `/v1/tenants/${tenant.id}/quotas`;
    expect(await used(tenant.key, 'tasks')).toMatchObject({ limit: null, isDefault: true });
    await operator().patch('/v1/quota-defaults').send({ tasks: 1 }).expect(200);
    try {
      await run(tenant.key).expect(201);
      expect((await run(tenant.key)).status).toBe(409);
      await operator().patch(path).send({ tasks: null }).expect(200);
      await run(tenant.key).expect(201);
      await operator().patch(path).send({ tasks: 'default' }).expect(200);
      expect(await used(tenant.key, 'tasks')).toMatchObject({ limit: 1, used: 2, isDefault: true });
      expect((await run(tenant.key)).status).toBe(409);
    } finally {
      await operator().patch('/v1/quota-defaults').send({ tasks: null }).expect(200);
    }
    await run(tenant.key).expect(201);
  });

  it('of requests a second is for all of the tenant’s keys together, and of nobody else', async () => {
    const [one, other] = [await tenantWith({ requestsPerSecond: 5 }), await berth.newTenant()];
    const second = await berth.newKey(one.id, 'viewer');
    const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => berth.as(n % 2 ? one.key : second).get('/v1/whoami')));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]?.body.message).toContain('the limit is 5 a second');
    const others = await Promise.all(Array.from({ length: 40 }, () => berth.as(other.key).get('/v1/whoami')));
    expect(new Set(others.map(({ status }) => status))).toEqual(new Set([200]));
  });

  it('is shown to the tenant, and set by the operator only', async () => {
    const { id, key } = await tenantWith({ tasks: 3 });
    await berth.as(key).patch(`/v1/tenants/${id}/quotas`).send({ tasks: 99 }).expect(403);
    for (const tasks of [-1, 1.5, '7', 2 ** 60]) await operator().patch(`/v1/tenants/${id}/quotas`).send({ tasks }).expect(422);
    await operator().patch(`/v1/tenants/${id}/quotas`).send({ nonsense: 1 }).expect(422);
    expect(await used(key, 'tasks')).toMatchObject({ limit: 3, used: 0 });
  });
});
