// Tasks over REST without hosts: made, found, paged, stopped. What runs on a host is tested elsewhere.
import { randomUUID } from 'node:crypto';
import type { Task } from '@berth/contract';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, startApi } from '../support/api.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { pushTinyImage } from '../support/tiny-image.js';

let registry: TestRegistry;
let berth: Api;
let key: string;

beforeAll(async () => {
  registry = await startRegistry();
  await pushTinyImage(registry.address, 'busybox', 'latest', 'one');
  berth = await startApi({ BERTH_DEFAULT_REGISTRY: registry.address, BERTH_INSECURE_REGISTRIES: registry.address });
  key = (await berth.newTenant()).key;
});
afterAll(async () => {
  await berth?.stop();
  await registry?.stop();
});

const inline = (family: string, more: object = {}) => ({ family, containers: [{ name: 'main', image: 'busybox' }], ...more });
const run = (body: object, as = key) => berth.as(as).post('/v1/tasks').send(body);
const ids = (tasks: readonly Task[]) => tasks.map((task) => task.id);

describe('POST /v1/tasks', () => {
  it('makes pending tasks of an inline definition, which is the same revision the next time', async () => {
    const first = await run({ definition: inline('web'), count: 3, name: 'blue', tags: { team: 'a' } }).expect(201);
    expect(first.body.items).toHaveLength(3);
    for (const task of first.body.items as Task[]) {
      expect(task).toMatchObject({
        state: 'pending',
        desiredState: 'running',
        taskDefinition: 'web:1',
        name: 'blue',
        tags: { team: 'a' },
        host: null,
      });
      expect(task.containers).toMatchObject([{ name: 'main', image: 'busybox', state: 'waiting', exitCode: null }]);
    }
    const shown = await berth.as(key).get(`/v1/tasks/${first.body.items[0].id}`).expect(200);
    expect(shown.body).toEqual({ ...first.body.items[0], pending: shown.body.pending });
    expect((await run({ definition: inline('web') })).body.items[0].taskDefinition).toBe('web:1');
    expect((await run({ definition: inline('web', { memoryMiB: 256 }) })).body.items[0].taskDefinition).toBe('web:2');
  });

  it('finds one revision for many equal definitions at once', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => run({ definition: inline('storm') })));
    expect(new Set(answers.map((answer) => answer.body.items[0].taskDefinition))).toEqual(new Set(['storm:1']));
  });

  it('applies overrides to the size', async () => {
    const { body } = await run({ definition: inline('sized'), overrides: { cpuMillis: 500, memoryMiB: 64 } }).expect(201);
    expect(body.items[0]).toMatchObject({ cpuMillis: 500, memoryMiB: 64 });
  });

  it.each([
    ['neither definition nor its name', {}, 'taskDefinition'],
    ['both', { taskDefinition: 'web', definition: inline('web') }, 'taskDefinition'],
    ['no tasks', { taskDefinition: 'web', count: 0 }, 'count'],
    ['too many tasks', { taskDefinition: 'web', count: 1001 }, 'count'],
    ['a privileged field', { taskDefinition: 'web', tenantId: randomUUID() }, 'tenantId'],
    [
      'an override for a container that it has not',
      { definition: inline('web'), overrides: { containers: [{ name: 'other' }] } },
      'overrides.containers.0.name',
    ],
    ['NUL in a tag', { taskDefinition: 'web', tags: { a: '\0' } }, 'tags.a'],
    [
      'a size below a container’s',
      { definition: inline('lim', { containers: [{ name: 'a', image: 'busybox', memoryMiB: 100 }] }), overrides: { memoryMiB: 50 } },
      'overrides.memoryMiB',
    ],
  ])('refuses %s and makes nothing', async (_, body, field) => {
    await run({ definition: inline('web') }).expect(201);
    const before = await count();
    const answer = await run(body);
    expect({ status: answer.status, code: answer.body.code, field: answer.body.field }).toEqual({
      status: 422,
      code: 'invalid_request',
      field,
    });
    expect(await count()).toBe(before);
  });

  it('names the image of an inline definition that is not there', async () => {
    const { status, body } = await run({ definition: { family: 'x', containers: [{ name: 'a', image: 'missing' }] } });
    expect({ status, code: body.code, field: body.field }).toEqual({
      status: 422,
      code: 'unknown_image',
      field: 'definition.containers.0.image',
    });
  });

  it('has no definition of another tenant', async () => {
    await run({ definition: inline('mine') }).expect(201);
    const other = await berth.newTenant();
    await run({ taskDefinition: 'mine' }, other.key).expect(404);
  });

  async function count(): Promise<number> {
    const [row] = await berth.database.query('SELECT count(*)::int AS n FROM tasks');
    return row.n;
  }
});

describe('Idempotency-Key', () => {
  const repeat = (body: object, idempotencyKey: string, as = key) => run(body, as).set('Idempotency-Key', idempotencyKey);

  it('gives the same tasks for the same request, as they are now', async () => {
    const body = { definition: inline('once'), count: 5 };
    const first = await repeat(body, 'k1').expect(201);
    await berth.as(key).post(`/v1/tasks/${first.body.items[2].id}/stop`).expect(200);
    const second = await repeat(body, 'k1').expect(201);
    expect(ids(second.body.items)).toEqual(ids(first.body.items));
    expect(second.body.items[2].state).toBe('stopped');
  });

  it('is a conflict for another request', async () => {
    await repeat({ definition: inline('once'), count: 1 }, 'k2').expect(201);
    const { status, body } = await repeat({ definition: inline('once'), count: 2 }, 'k2');
    expect({ status, code: body.code }).toEqual({ status: 409, code: 'idempotency_conflict' });
  });

  it('makes one set of tasks of twenty equal requests at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => repeat({ definition: inline('crowd'), count: 3 }, 'k3')));
    expect(answers.map((answer) => answer.status)).toEqual(Array(20).fill(201));
    expect(new Set(answers.map((answer) => ids(answer.body.items).join())).size).toBe(1);
    const { body } = await berth.as(key).get('/v1/tasks?family=crowd');
    expect(body.items).toHaveLength(3);
  });

  it('lets one of two different requests at once win', async () => {
    const answers = await Promise.all([1, 2, 1, 2].map((count) => repeat({ definition: inline('duel'), count }, 'k4')));
    const won = answers.filter((answer) => answer.status === 201);
    expect(answers.filter((answer) => answer.status === 409)).toHaveLength(2);
    expect(new Set(won.map((answer) => ids(answer.body.items).join())).size).toBe(1);
  });

  it('belongs to one tenant', async () => {
    const other = await berth.newTenant();
    const mine = await repeat({ definition: inline('apart') }, 'k5').expect(201);
    const theirs = await repeat({ definition: inline('apart') }, 'k5', other.key).expect(201);
    expect(ids(theirs.body.items)).not.toEqual(ids(mine.body.items));
  });

  it('is free again after a request that failed', async () => {
    await repeat({ taskDefinition: 'not-yet' }, 'k6').expect(404);
    await repeat({ definition: inline('not-yet') }, 'k6').expect(201);
  });

  it.each(['', 'a b', 'ä', 'x'.repeat(256)])('refuses the key "%s"', async (bad) => {
    const answer = await repeat({ definition: inline('once') }, Buffer.from(bad).toString('latin1'));
    expect({ status: answer.status, field: answer.body.field }).toEqual({ status: 422, field: 'Idempotency-Key' });
  });
});

describe('GET /v1/tasks', () => {
  let tenant: { id: string; key: string };
  let all: Task[];

  beforeAll(async () => {
    tenant = await berth.newTenant();
    const bodies = [
      { definition: inline('many'), count: 7, name: 'seven', tags: { tier: 'front', odd: '=' } },
      { definition: inline('few'), count: 2 },
      { definition: inline('many'), count: 4, tags: { tier: 'back' } },
    ];
    all = [];
    for (const body of bodies) all.push(...(await run(body, tenant.key).expect(201)).body.items);
    await berth.as(tenant.key).post(`/v1/tasks/${all[0]?.id}/stop`).expect(200);
  });

  const list = async (query: string): Promise<{ items: Task[]; nextCursor: string | null }> =>
    (await berth.as(tenant.key).get(`/v1/tasks${query}`).expect(200)).body;

  async function pages(query: string, limit: number): Promise<Task[]> {
    const items: Task[] = [];
    let cursor: string | null = null;
    do {
      const page: { items: Task[]; nextCursor: string | null } = await list(`?limit=${limit}${query}${cursor ? `&cursor=${cursor}` : ''}`);
      expect(page.items.length).toBeLessThanOrEqual(limit);
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor);
    return items;
  }

  it('shows every task once and in order, however the pages are cut', async () => {
    const newestFirst = ids(await pages('', 500));
    expect([...newestFirst].sort()).toEqual(ids(all).sort());
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 15 }), fc.constantFrom('createdAt', '-createdAt'), async (limit, sort) => {
        const found = ids(await pages(`&sort=${sort}`, limit));
        expect(found).toEqual(sort === '-createdAt' ? newestFirst : [...newestFirst].reverse());
      }),
      { numRuns: 12 },
    );
  });

  it('pages on without repeating when tasks are added meanwhile', async () => {
    const first = await list('?limit=5');
    await run({ definition: inline('late'), count: 3 }, tenant.key).expect(201);
    const rest = await list(`?limit=500&cursor=${first.nextCursor}`);
    expect(
      ids([...first.items, ...rest.items])
        .filter((id) => ids(all).includes(id))
        .sort(),
    ).toEqual(ids(all).sort());
    expect(rest.items.some((task) => task.taskDefinition.startsWith('late'))).toBe(false);
  });

  it.each([
    ['?family=many', 11],
    ['?family=none', 0],
    ['?name=seven', 7],
    ['?state=stopped', 1],
    ['?state=pending,stopped&family=many', 11],
    ['?tag=tier=front', 7],
    ['?tag=odd==', 7],
    ['?family=many&tag=tier=back&state=pending', 4],
    ['?host=nowhere', 0],
  ])('filters by %s', async (query, expected) => {
    expect((await list(`${query}&limit=500`)).items).toHaveLength(expected);
  });

  it('finds tasks by the beginning of their id', async () => {
    const wanted = all[3] as Task;
    for (const length of [8, 9, 13, 36]) expect(ids((await list(`?idPrefix=${wanted.id.slice(0, length)}`)).items)).toEqual([wanted.id]);
    expect((await list('?idPrefix=-')).items).toEqual([]);
    expect(ids((await list('?idPrefix=ffffffff')).items)).toEqual([]);
  });

  it.each([
    ['?limit=0', 'limit'],
    ['?limit=501', 'limit'],
    ['?limit=ten', 'limit'],
    ['?state=running,dead', 'state'],
    ['?stat=running', 'stat'],
    ['?sort=name', 'sort'],
    ['?cursor=bm9uc2Vuc2U', 'cursor'],
    ['?cursor=%00', 'cursor'],
    ['?tag=novalue', 'tag'],
    ['?family=%00', 'family'],
    ['?limit=1&limit=2', 'limit'],
  ])('refuses %s', async (query, field) => {
    const { status, body } = await berth.as(tenant.key).get(`/v1/tasks${query}`);
    expect({ status, code: body.code, field: body.field }).toEqual({ status: 422, code: 'invalid_request', field });
  });

  it('refuses a cursor of the other order', async () => {
    const { nextCursor } = await list('?limit=2');
    await berth.as(tenant.key).get(`/v1/tasks?limit=2&sort=createdAt&cursor=${nextCursor}`).expect(422);
  });

  it('shows no task of another tenant', async () => {
    const other = await berth.newTenant();
    expect((await berth.as(other.key).get('/v1/tasks')).body).toEqual({ items: [], nextCursor: null });
    expect((await berth.as(other.key).get(`/v1/tasks?idPrefix=${all[0]?.id}`)).body.items).toEqual([]);
  });
});

describe('POST /v1/tasks/:id/stop', () => {
  it('stops a pending task at once, and only once', async () => {
    const task = (await run({ definition: inline('halt') }).expect(201)).body.items[0] as Task;
    const stop = () => berth.as(key).post(`/v1/tasks/${task.id}/stop`).send({ reason: 'enough' });
    const first = await stop().expect(200);
    expect(first.body).toMatchObject({ state: 'stopped', desiredState: 'stopped', stopCode: 'UserInitiated', stopReason: 'enough' });
    expect(first.body.stoppedAt).not.toBeNull();
    expect((await stop().expect(200)).body).toEqual(first.body);
    const events = await berth.as(key).get(`/v1/tasks/${task.id}/events`).expect(200);
    expect(events.body.items.map((event: { type: string; reason: string }) => [event.type, event.reason])).toEqual([
      ['pending', 'Submitted; waiting for a host.'],
      ['stopped', 'enough'],
    ]);
    expect((await berth.as(key).get(`/v1/tasks/${task.id}/cost`)).body).toMatchObject({
      total: '0',
      live: false,
      durationMs: 0,
      lines: [],
    });
  });

  it('asks the host of a running task, and writes the request down', async () => {
    const task = (await run({ definition: inline('busy') }).expect(201)).body.items[0] as Task;
    await berth.database.query("INSERT INTO hosts (id, name, state) VALUES ($1, 'h1', 'active')", [randomUUID()]);
    await berth.database.query(
      "UPDATE tasks SET state = 'running', started_at = now(), host_id = (SELECT id FROM hosts WHERE name = 'h1') WHERE id = $1",
      [task.id],
    );
    const answer = await berth.as(key).post(`/v1/tasks/${task.id}/stop`).expect(200);
    expect(answer.body).toMatchObject({ state: 'running', desiredState: 'stopped', stopCode: null, host: { name: 'h1' } });
    const [row] = await berth.database.query('SELECT desired_stop_code, desired_stop_reason FROM tasks WHERE id = $1', [task.id]);
    expect(row).toEqual({ desired_stop_code: 'UserInitiated', desired_stop_reason: 'Stopped by request.' });
    const events = await berth.as(key).get(`/v1/tasks/${task.id}/events`);
    expect(events.body.items.at(-1).type).toBe('desired-stopped');
    const host = await berth.as(key).get('/v1/tasks?host=h1');
    expect(ids(host.body.items)).toEqual([task.id]);
  });

  it('refuses a reason that is too long', async () => {
    const task = (await run({ definition: inline('halt') }).expect(201)).body.items[0] as Task;
    await berth
      .as(key)
      .post(`/v1/tasks/${task.id}/stop`)
      .send({ reason: 'x'.repeat(257) })
      .expect(422);
    expect((await berth.as(key).get(`/v1/tasks/${task.id}`)).body.state).toBe('pending');
  });
});

describe('PUT /v1/tasks/:id/protection', () => {
  it('holds for its time, until it is taken off, and not for a task that is to stop', async () => {
    const { body } = await run({ definition: inline('kept') }).expect(201);
    const protect = (more: object) => berth.as(key).put(`/v1/tasks/${body.items[0].id}/protection`).send(more);
    expect(body.items[0].protection).toEqual({ enabled: false, expiresAt: null });
    const before = Date.now();
    const kept = (await protect({ expiresInMinutes: 60 }).expect(200)).body.protection;
    expect(kept.enabled).toBe(true);
    expect(Math.abs(Date.parse(kept.expiresAt) - before - 3_600_000)).toBeLessThan(60_000);
    expect((await berth.as(key).get(`/v1/tasks/${body.items[0].id}`)).body.protection).toEqual(kept);
    expect((await protect({ enabled: false }).expect(200)).body.protection).toEqual({ enabled: false, expiresAt: null });
    await protect({ expiresInMinutes: 2881 }).expect(422);
    await berth.as(key).post(`/v1/tasks/${body.items[0].id}/stop`).expect(200);
    expect((await protect({}).expect(409)).body.code).toBe('task_not_running');
  });
});

describe('ids', () => {
  const bad = ['nope', '..%2F..%2Fetc', '%00', 'x'.repeat(10_000), randomUUID().toUpperCase(), `${randomUUID()} `, "1'%20OR%20'1"];
  it.each(bad)('there is no task %s', async (id) => {
    for (const path of ['', '/events', '/cost', '/logs', '/watch']) {
      const { status, body } = await berth.as(key).get(`/v1/tasks/${id}${path}`);
      expect({ path, status, code: body.code }).toEqual({ path, status: 404, code: 'not_found' });
    }
  });
});
