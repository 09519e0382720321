// API keys, people and their sessions, as their owners and those who have stolen something use them.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiKeys } from '../../src/accounts/api-keys.service.js';
import { LastUses } from '../../src/accounts/last-uses.service.js';
import { type Api, startApi } from '../support/api.js';

const password = 'correct horse battery';

let berth: Api;
let owner: { id: string; key: string };
let counter = 0;

beforeAll(async () => {
  berth = await startApi();
  owner = await berth.newTenant();
});
afterAll(() => berth?.stop());

const anonymous = () => berth.anonymous();
const nameOf = async (tenantId: string) => (await berth.database.query('SELECT name FROM tenants WHERE id = $1', [tenantId]))[0].name;

async function accept(token: string, secret = password) {
  return anonymous().post('/v1/invitations/accept').send({ token, password: secret });
}

/** Somebody new in a tenant. */
async function newUser(role = 'developer', tenant = owner): Promise<string> {
  counter += 1;
  const email = `user-${counter}@example.com`;
  const { body } = await berth.as(tenant.key).post('/v1/invitations').send({ email, role }).expect(201);
  expect((await accept(body.token)).status).toBe(204);
  return email;
}

async function bearerOf(email: string, more: object = {}): Promise<string> {
  const answer = await anonymous()
    .post('/v1/sessions')
    .send({ email, password, transport: 'bearer', ...more });
  expect(answer.status, answer.text).toBe(201);
  return answer.body.token;
}

async function cookieOf(email: string): Promise<string> {
  const { headers, body } = await anonymous().post('/v1/sessions').set('origin', berth.url).send({ email, password }).expect(201);
  expect(body.token).toBeNull();
  const [cookie = ''] = headers['set-cookie'] as unknown as string[];
  expect(cookie).toMatch(/^berth_session=[\w-]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=\d+$/);
  return cookie.split(';')[0] ?? '';
}

describe('API keys', () => {
  const api = () => berth.as(owner.key);
  const make = async (body: object = {}) =>
    (
      await api()
        .post('/v1/api-keys')
        .send({ name: 'ci', ...body })
        .expect(201)
    ).body;

  it('expire', async () => {
    const key = await make({ expiresAt: new Date(Date.now() + 2_000).toISOString() });
    await berth.as(key.secret).get('/v1/whoami').expect(200);
    while ((await berth.as(key.secret).get('/v1/whoami')).status === 200) await sleep(100);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(key.expiresAt) - 50);
    const past = { name: 'x', expiresAt: '2020-01-01T00:00:00Z' };
    expect((await api().post('/v1/api-keys').send(past)).body).toMatchObject({ code: 'invalid_request', field: 'expiresAt' });
  });

  it('say when they were used last, written together', async () => {
    const key = await make();
    await berth.as(key.secret).get('/v1/whoami').expect(200);
    await berth.app.get(LastUses).write();
    const listed = (await api().get('/v1/api-keys?limit=500')).body.items.find((one: { id: string }) => one.id === key.id);
    expect(Date.parse(listed.lastUsedAt)).toBeGreaterThan(Date.now() - 60_000);
  });

  it('are replaced with an overlap, the new one no wider than the old', async () => {
    const old = await make({ scopes: ['tasks:read'], role: 'viewer', awsStyle: true });
    const { body: next } = await api().post(`/v1/api-keys/${old.id}/rotate`).send({ overlapSeconds: 2 }).expect(201);
    expect(next).toMatchObject({ name: 'ci', role: 'viewer', scopes: ['tasks:read'], rotatedFrom: old.id, expiresAt: null });
    expect(next.accessKeyId).not.toBe(old.accessKeyId);
    await berth.as(old.secret).get('/v1/tasks').expect(200);
    await berth.as(next.secret).get('/v1/tasks').expect(200);
    await berth.as(next.secret).get('/v1/secrets').expect(403);
    while ((await berth.as(old.secret).get('/v1/tasks')).status === 200) await sleep(100);
    await berth.as(next.secret).get('/v1/tasks').expect(200);
    expect((await api().post(`/v1/api-keys/${old.id}/rotate`).send({})).body.code).toBe('key_not_valid');
  });

  it('have an AWS-style form whose secret is sealed in the database, and comes back', async () => {
    const key = await make({ awsStyle: true });
    const found = await berth.app.get(ApiKeys).byAccessKeyId(key.accessKeyId);
    expect(found).toMatchObject({ secretAccessKey: key.secretAccessKey, caller: { keyId: key.id, tenantId: owner.id } });
    const [row] = await berth.database.query('SELECT to_jsonb(k)::text AS text, sealed_secret FROM api_keys k WHERE id = $1', [key.id]);
    for (const secret of [key.secretAccessKey, key.secret]) {
      expect(row.text).not.toContain(secret);
      expect(row.sealed_secret.includes(Buffer.from(secret))).toBe(false);
    }
    await api().delete(`/v1/api-keys/${key.id}`).expect(200);
    expect(await berth.app.get(ApiKeys).byAccessKeyId(key.accessKeyId)).toBeNull();
  });

  it.each(['tasks', 'tasks:delete', 'nonsense:read', '*:*', 'api-keys:write'])('have no scope %s', async (scope) => {
    expect(
      (
        await api()
          .post('/v1/api-keys')
          .send({ name: 'x', scopes: [scope] })
      ).status,
    ).toBe(422);
  });
});

describe('people', () => {
  it('are invited, come with a password of their own, and have the role that they were invited to', async () => {
    const email = await newUser('viewer');
    const token = await bearerOf(email);
    expect((await berth.as(token).get('/v1/whoami')).body).toMatchObject({ role: 'viewer', tenant: { id: owner.id }, user: { email } });
    await berth.as(token).post('/v1/secrets').send({ name: 'x', value: 'x' }).expect(403);
    const [row] = await berth.database.query('SELECT password_hash FROM users WHERE email = $1', [email]);
    expect(row.password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    await anonymous().post('/v1/sessions').send({ email: email.toUpperCase(), password, transport: 'bearer' }).expect(201);
  });

  it('accept an invitation once, in time, and with a long password', async () => {
    const invite = async () =>
      (
        await berth
          .as(owner.key)
          .post('/v1/invitations')
          .send({ email: `late-${counter++}@example.com` })
          .expect(201)
      ).body;
    const first = await invite();
    expect((await accept(first.token, 'short')).body).toMatchObject({ code: 'invalid_request', field: 'password' });
    const answers = await Promise.all(Array.from({ length: 5 }, () => accept(first.token)));
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
    expect((await accept(first.token)).body.code).toBe('bad_invitation');
    const second = await invite();
    await berth.database.query('UPDATE invitations SET expires_at = now() WHERE id = $1', [second.id]);
    expect((await accept(second.token)).body.code).toBe('bad_invitation');
    const third = await invite();
    await berth.as(owner.key).delete(`/v1/invitations/${third.id}`).expect(200);
    expect((await accept(third.token)).body.code).toBe('bad_invitation');
  });

  it('are not taken over by who invites their address into another tenant', async () => {
    const email = await newUser('owner');
    const thief = await berth.newTenant();
    const { body } = await berth.as(thief.key).post('/v1/invitations').send({ email, role: 'viewer' }).expect(201);
    expect((await accept(body.token, 'a password of the thief')).body.code).toBe('bad_login');
    await bearerOf(email);
    expect((await accept(body.token)).status).toBe(204);
    expect((await berth.as(await bearerOf(email, { tenant: await nameOf(thief.id) })).get('/v1/whoami')).body.role).toBe('viewer');
  });

  it('get a new password by an operator’s invitation, which ends their sessions', async () => {
    const email = await newUser();
    const old = await bearerOf(email);
    const { body } = await berth.as(berth.operatorKey).post(`/v1/tenants/${owner.id}/invitations`).send({ email }).expect(201);
    expect((await accept(body.token, 'quite another password')).status).toBe(204);
    await berth.as(old).get('/v1/whoami').expect(401);
    await anonymous().post('/v1/sessions').send({ email, password, transport: 'bearer' }).expect(401);
    await anonymous().post('/v1/sessions').send({ email, password: 'quite another password', transport: 'bearer' }).expect(201);
  });

  it('lose at once what they lose, and a tenant keeps an owner', async () => {
    const tenant = await berth.newTenant();
    const [one, two] = [await newUser('owner', tenant), await newUser('owner', tenant)];
    const [first, second] = [await bearerOf(one), await bearerOf(two)];
    const ids = Object.fromEntries(
      (await berth.as(first).get('/v1/users')).body.items.map(({ id, email }: { id: string; email: string }) => [email, id]),
    );
    // Each removes the other, at the same time: one of them stays.
    const answers = await Promise.all([berth.as(first).delete(`/v1/users/${ids[two]}`), berth.as(second).delete(`/v1/users/${ids[one]}`)]);
    const statuses = answers.map(({ status }) => status).sort();
    expect([200, 401].includes(statuses[0] ?? 0) && [401, 409].includes(statuses[1] ?? 0)).toBe(true);
    const left = (await berth.as(tenant.key).get('/v1/users')).body.items;
    expect(left).toMatchObject([{ role: 'owner' }]);
    const { body } = await berth.as(tenant.key).patch(`/v1/users/${left[0].id}`).send({ role: 'viewer' }).expect(409);
    expect(body.code).toBe('last_owner');
    const gone = left[0].email === one ? second : first;
    await berth.as(gone).get('/v1/whoami').expect(401);
  });

  it('are operators, too, by an operator’s word', async () => {
    const email = 'operator@example.com';
    const { body } = await berth.as(berth.operatorKey).post('/v1/operators/invitations').send({ email }).expect(201);
    expect((await accept(body.token)).status).toBe(204);
    const token = await bearerOf(email);
    await berth.as(token).get('/v1/tenants').expect(200);
    await berth.as(token).get('/v1/tasks').expect(403);
    const [{ id }] = (await berth.as(berth.operatorKey).get('/v1/operators').expect(200)).body.items;
    await berth.as(berth.operatorKey).delete(`/v1/operators/${id}`).expect(200);
    await berth.as(token).get('/v1/tenants').expect(401);
    expect((await anonymous().post('/v1/sessions').send({ email, password, transport: 'bearer' })).body.code).toBe('no_membership');
  });
});

describe('sessions', () => {
  it('are listed, ended one by one, and moved to another tenant', async () => {
    const email = await newUser();
    const [first, second] = [await bearerOf(email), await bearerOf(email)];
    const { body } = await berth.as(first).get('/v1/sessions').expect(200);
    expect(body.items).toHaveLength(2);
    const other = body.items.find(({ current }: { current: boolean }) => !current);
    await berth.as(first).delete(`/v1/sessions/${other.id}`).expect(200);
    await berth.as(second).get('/v1/whoami').expect(401);
    const another = await berth.newTenant();
    const name = await nameOf(another.id);
    expect((await berth.as(first).patch('/v1/sessions/current').send({ tenant: name })).body.code).toBe('no_membership');
    const { body: invitation } = await berth.as(another.key).post('/v1/invitations').send({ email, role: 'owner' }).expect(201);
    expect((await accept(invitation.token)).status).toBe(204);
    expect((await berth.as(first).patch('/v1/sessions/current').send({ tenant: name }).expect(200)).body).toMatchObject({
      role: 'owner',
      tenant: name,
    });
    expect((await berth.as(first).get('/v1/whoami')).body.tenant.id).toBe(another.id);
    await berth.as(first).delete('/v1/sessions/current').expect(200);
    await berth.as(first).get('/v1/whoami').expect(401);
  });

  it('of another user can’t be ended, and a key has none', async () => {
    const [mine, theirs] = [await bearerOf(await newUser()), await bearerOf(await newUser())];
    const { body } = await berth.as(theirs).get('/v1/sessions');
    await berth.as(mine).delete(`/v1/sessions/${body.items[0].id}`).expect(404);
    await berth.as(theirs).get('/v1/whoami').expect(200);
    expect((await berth.as(owner.key).get('/v1/sessions')).body.code).toBe('not_signed_in');
  });

  it('end when they are idle too long, and the others by a new password', async () => {
    const email = await newUser();
    const [idle, other, mine] = [await bearerOf(email), await bearerOf(email), await bearerOf(email)];
    const { body } = await berth.as(idle).get('/v1/sessions');
    const { id } = body.items.find(({ current }: { current: boolean }) => current);
    await berth.database.query("UPDATE sessions SET last_seen_at = now() - interval '13 hours' WHERE id = $1", [id]);
    await berth.as(mine).put('/v1/password').send({ current: 'wrong', next: 'a new long password' }).expect(401);
    await berth.as(mine).put('/v1/password').send({ current: password, next: 'a new long password' }).expect(204);
    await berth.as(idle).get('/v1/whoami').expect(401);
    await berth.as(other).get('/v1/whoami').expect(401);
    await berth.as(mine).get('/v1/whoami').expect(200);
  });

  it('are kept as hashes only', async () => {
    const token = await bearerOf(await newUser());
    const rows = await berth.database.query('SELECT to_jsonb(s)::text AS text FROM sessions s');
    expect(rows.length).toBeGreaterThan(0);
    for (const { text } of rows) expect(text).not.toContain(token.slice(-43));
  });
});

describe('a session in a cookie', () => {
  const secret = { name: 'csrf', value: 'x' };

  it('reads, and changes only what a page of ours asks for', async () => {
    const cookie = await cookieOf(await newUser());
    await anonymous().get('/v1/whoami').set('cookie', cookie).expect(200);
    for (const origin of ['https://evil.example', 'null', `${berth.url}.evil.example`, null]) {
      const request = anonymous().post('/v1/secrets').set('cookie', cookie);
      const { status, body } = await (origin === null ? request : request.set('origin', origin)).send(secret);
      expect({ origin, status, code: body.code }).toEqual({ origin, status: 403, code: 'bad_origin' });
    }
    await anonymous().post('/v1/secrets').set('cookie', cookie).set('origin', berth.url).send(secret).expect(201);
    const form = anonymous().post('/v1/secrets').set('cookie', cookie).set('origin', berth.url);
    await form.set('content-type', 'text/plain').send(JSON.stringify(secret)).expect(415);
  });

  it('can’t be begun from another site', async () => {
    const email = await newUser();
    for (const origin of ['https://evil.example', '']) {
      const answer = await anonymous().post('/v1/sessions').set('origin', origin).send({ email, password });
      expect(answer.body.code).toBe('bad_origin');
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
  });

  it('is no bearer’s token, nor the other way round', async () => {
    const email = await newUser();
    const cookie = await cookieOf(email);
    await berth
      .as(cookie.split('=')[1] ?? '')
      .get('/v1/whoami')
      .expect(401);
    await anonymous()
      .get('/v1/whoami')
      .set('cookie', `berth_session=${await bearerOf(email)}`)
      .expect(401);
    await anonymous().get('/v1/whoami').set('cookie', `berth_session=${owner.key}`).expect(401);
  });

  it('is taken back by signing out', async () => {
    const cookie = await cookieOf(await newUser());
    const answer = await anonymous().delete('/v1/sessions/current').set('cookie', cookie).set('origin', berth.url).expect(200);
    expect((answer.headers['set-cookie'] as unknown as string[])[0]).toMatch(/^berth_session=; .*Max-Age=0$/);
    await anonymous().get('/v1/whoami').set('cookie', cookie).expect(401);
  });
});

describe('signing in', () => {
  it('tells nothing of who there is', async () => {
    const email = await newUser();
    const attempts = [
      { email, password: 'wrong' },
      { email: 'nobody@example.com', password: 'wrong' },
    ];
    const answers = await Promise.all(
      attempts.map((attempt) =>
        anonymous()
          .post('/v1/sessions')
          .send({ ...attempt, transport: 'bearer' }),
      ),
    );
    const told = answers.map(({ status, body: { requestId: _, ...body } }) => ({ status, body }));
    expect(told[0]).toEqual(told[1]);
    expect(told[0]).toMatchObject({ status: 401, body: { code: 'bad_login' } });
  });

  it('is slowed down, however many try at once, and for that address only', async () => {
    const [email, other] = [await newUser(), await newUser()];
    const attempt = () => anonymous().post('/v1/sessions').send({ email, password: 'wrong', transport: 'bearer' });
    const answers = await Promise.all(Array.from({ length: 30 }, attempt));
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(10);
    const throttled = answers.find(({ status }) => status === 429);
    expect(throttled?.body.code).toBe('login_throttled');
    expect(Number(throttled?.headers['retry-after'])).toBeGreaterThan(60);
    expect((await anonymous().post('/v1/sessions').send({ email, password, transport: 'bearer' })).status).toBe(429);
    await bearerOf(other);
    await berth.database.query("UPDATE login_attempts SET since = now() - interval '16 minutes'");
    await bearerOf(email);
  });
});
