// The audit trail: everything that was changed and denied, in chains that one edit breaks, exact under concurrency and
// after a control plane was killed.
import { randomUUID } from 'node:crypto';
import type { AuditEvent } from '@berth/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuditTrail } from '../../src/audit/audit-trail.service.js';
import { type Api, startApi } from '../support/api.js';

let berth: Api;
let tenant: { id: string; key: string };

beforeAll(async () => {
  berth = await startApi();
  tenant = await berth.newTenant();
});
afterAll(() => berth?.stop());

const api = (key = tenant.key) => berth.as(key);
const operator = () => berth.as(berth.operatorKey);
const events = async (key = tenant.key, query = '?limit=500'): Promise<AuditEvent[]> =>
  (await api(key).get(`/v1/audit${query}`).expect(200)).body.items;
const verify = async (key = tenant.key, query = '') => (await api(key).get(`/v1/audit/verification${query}`).expect(200)).body;
const secret = (name: string) => ({ name, value: 'x-secret-value-x' });

/** As somebody with the database's own rights would. */
async function tamper(sql: string, values: unknown[]): Promise<void> {
  await berth.database.transaction(async (manager) => {
    await manager.query('ALTER TABLE audit_events DISABLE TRIGGER audit_events_stay');
    await manager.query(sql, values);
    await manager.query('ALTER TABLE audit_events ENABLE TRIGGER audit_events_stay');
  });
}

describe('the trail', () => {
  it('says of a change who, what, from where and by which request, and no secrets', async () => {
    const { headers } = await api().post('/v1/secrets').send(secret('told')).expect(201);
    const [event] = await events();
    expect(event).toMatchObject({
      actor: { kind: 'key', name: 'owner' },
      action: 'createSecret',
      target: 'POST /v1/secrets',
      outcome: 'done',
      status: 201,
      ip: '127.0.0.1',
      requestId: headers['x-request-id'],
      count: 1,
    });
    expect(Date.parse(event?.at ?? '')).toBeGreaterThan(Date.now() - 60_000);
    expect(JSON.stringify(await events())).not.toContain('x-secret-value-x');
  });

  it('has what failed, and what was denied; not what was only read', async () => {
    const other = await berth.newTenant();
    const viewer = await berth.newKey(other.id, 'viewer');
    await api(viewer).get('/v1/secrets').expect(200);
    await api(viewer).post('/v1/secrets').send(secret('no')).expect(403);
    await api(other.key).delete('/v1/secrets/none').expect(404);
    await api(other.key).post('/v1/tenants').send({ name: 'mine' }).expect(403);
    expect((await events(other.key)).map(({ action, outcome, status }) => [action, outcome, status])).toEqual(
      expect.arrayContaining([
        ['createSecret', 'denied', 403],
        ['deleteSecret', 'failed', 404],
        ['createTenant', 'denied', 403],
      ]),
    );
    expect((await events(other.key)).some(({ action }) => action === 'listSecrets')).toBe(false);
  });

  it('counts refusals that are alike as one', async () => {
    const other = await berth.newTenant();
    const viewer = await berth.newKey(other.id, 'viewer');
    await Promise.all(Array.from({ length: 30 }, () => api(viewer).post('/v1/secrets').send(secret('no')).expect(403)));
    const denied = (await events(other.key)).filter(({ outcome }) => outcome === 'denied');
    expect(denied.reduce((sum, { count }) => sum + count, 0)).toBe(30);
    expect(denied.length).toBeLessThan(30);
  });

  it('tells a tenant what the operator did to it, and nobody else’s', async () => {
    const other = await berth.newTenant();
    await operator().patch(`/v1/tenants/${other.id}/quotas`).send({ tasks: 7 }).expect(200);
    const [event] = await events(other.key);
    expect(event).toMatchObject({ action: 'setTenantQuotas', detail: { tasks: 7 }, actor: { kind: 'operator-key' } });
    const platform = (await operator().get('/v1/platform-audit?limit=5').expect(200)).body.items;
    expect(platform.some(({ action, target }: AuditEvent) => action === 'setTenantQuotas' && target.includes(other.id))).toBe(true);
    expect((await events()).some(({ action }) => action === 'setTenantQuotas')).toBe(false);
  });

  it('has attempts to sign in, and whoever shows nothing good', async () => {
    await berth.anonymous().post('/v1/sessions').send({ email: 'who@example.com', password: 'x', transport: 'bearer' }).expect(401);
    await berth.anonymous().get('/v1/tasks').expect(401);
    const { items } = (await operator().get('/v1/platform-audit?limit=20&outcome=denied').expect(200)).body;
    expect(items).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ action: 'createSession', status: 401, detail: expect.objectContaining({ email: 'who@example.com' }) }),
        expect.objectContaining({ action: 'listTasks', status: 401, actor: { kind: 'nobody', id: null, name: 'nobody' } }),
      ]),
    );
    expect(JSON.stringify(items)).not.toContain('password');
  });

  it('is read in pages and by filters', async () => {
    const all = await events();
    const first = (await api().get('/v1/audit?limit=1').expect(200)).body;
    const second = (await api().get(`/v1/audit?limit=1&cursor=${first.nextCursor}`).expect(200)).body;
    expect([first.items[0].sequence, second.items[0]?.sequence]).toEqual([all[0]?.sequence, all[1]?.sequence]);
    expect((await events(tenant.key, '?action=createSecret')).every(({ action }) => action === 'createSecret')).toBe(true);
    expect(await events(tenant.key, `?since=${new Date(Date.now() + 60_000).toISOString()}`)).toEqual([]);
  });
});

describe('the chain', () => {
  it('is exact under concurrency, in two replicas: each change once, without gaps', async () => {
    const busy = await berth.newTenant();
    const replica = await startApi({ DATABASE_URL: berth.config.databaseUrl, BERTH_PKI_DIR: berth.config.pkiDir });
    try {
      const clients = [berth, replica];
      const answers = await Promise.all(
        Array.from({ length: 120 }, (_, n) =>
          (clients[n % 2] as Api)
            .as(busy.key)
            .post('/v1/secrets')
            .send(secret(`s${n}`)),
        ),
      );
      await replica.app.get(AuditTrail).catchUp();
      const made = (await events(busy.key)).filter(({ action }) => action === 'createSecret');
      expect(new Set(made.map(({ requestId }) => requestId))).toEqual(new Set(answers.map(({ headers }) => headers['x-request-id'])));
      expect(made).toHaveLength(120);
      expect(await verify(busy.key)).toMatchObject({ intact: true, broken: null });
      const all = await events(busy.key);
      expect(all.map(({ sequence }) => sequence)).toEqual(all.map((_, n) => all.length - n));
    } finally {
      await replica.stop();
    }
  });

  it('has a change whose control plane was killed, as unknown', async () => {
    const killed = await berth.newTenant();
    const record = { chains: [killed.id], actor: { kind: 'key', id: null, name: 'k' }, action: 'runTasks', target: 'POST /v1/tasks' };
    const rest = { detail: {}, status: null, count: 1, ip: '10.0.0.1', requestId: 'r1' };
    await berth.database.query("INSERT INTO audit_pending (id, at, event) VALUES ($1, now() - interval '16 minutes', $2)", [
      randomUUID(),
      JSON.stringify({ ...record, ...rest }),
    ]);
    const found = await events(killed.key);
    expect(found.find(({ action }) => action === 'runTasks')).toMatchObject({ outcome: 'unknown', status: null, requestId: 'r1' });
    expect(await verify(killed.key)).toMatchObject({ intact: true });
  });

  it('can’t be changed by a statement', async () => {
    await api().post('/v1/secrets').send(secret('fixed')).expect(201);
    await events();
    for (const sql of ["UPDATE audit_events SET actor_name = 'x'", 'DELETE FROM audit_events', 'TRUNCATE audit_events'])
      await expect(berth.database.query(sql)).rejects.toThrow('events of the audit trail are never changed');
  });

  it.each([
    ['actor_name', "'somebody else'"],
    ['target', "'GET /'"],
    ['outcome', "'failed'"],
    ['status', '500'],
    ['ip', "'10.9.9.9'"],
    ['at', "at + interval '1 second'"],
    ['detail', `'{"name":"other"}'`],
    ['count', '2'],
    ['hash', "decode(repeat('00', 32), 'hex')"],
  ])('finds one event whose %s was edited', async (column, value) => {
    const victim = await berth.newTenant();
    for (const name of ['a', 'b', 'c', 'd']) await api(victim.key).post('/v1/secrets').send(secret(name)).expect(201);
    const { events: count } = await verify(victim.key);
    const [before] = await berth.database.query(`SELECT ${column} AS value FROM audit_events WHERE chain = $1 AND sequence = $2`, [
      victim.id,
      count - 2,
    ]);
    expect(await verify(victim.key)).toMatchObject({ intact: true, events: count });
    await tamper(`UPDATE audit_events SET ${column} = ${value} WHERE chain = $1 AND sequence = $2`, [victim.id, count - 2]);
    expect(await verify(victim.key)).toMatchObject({ intact: false, broken: { sequence: count - 2 } });
    await tamper(`UPDATE audit_events SET ${column} = $3 WHERE chain = $1 AND sequence = $2`, [victim.id, count - 2, before.value]);
    expect(await verify(victim.key)).toMatchObject({ intact: true });
  });

  it('finds events that were taken out, of the middle and, with a head that was noted, of the end', async () => {
    const victim = await berth.newTenant();
    for (const name of ['a', 'b', 'c', 'd']) await api(victim.key).post('/v1/secrets').send(secret(name)).expect(201);
    const { head } = await verify(victim.key);
    const noted = `?sequence=${head.sequence}&hash=${head.hash}`;
    expect(await verify(victim.key, noted)).toMatchObject({ intact: true });
    expect(await verify(victim.key, `?sequence=${head.sequence}&hash=${'0'.repeat(64)}`)).toMatchObject({ intact: false });
    await tamper('DELETE FROM audit_events WHERE chain = $1 AND sequence = $2', [victim.id, head.sequence]);
    expect(await verify(victim.key)).toMatchObject({ intact: true });
    expect(await verify(victim.key, noted)).toMatchObject({ intact: false, broken: { sequence: head.sequence } });
    await tamper('DELETE FROM audit_events WHERE chain = $1 AND sequence = 2', [victim.id]);
    expect(await verify(victim.key)).toMatchObject({
      intact: false,
      broken: { sequence: 3, reason: 'the events from 2 to 2 are missing' },
    });
  });
});
