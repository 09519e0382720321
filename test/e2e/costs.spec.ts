// Costs and quotes over the API: the month so far, what an hour costs, what it comes to, by group.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insertUsage } from '../../src/billing/usage-intake.store.js';
import { type Api, startApi } from '../support/api.js';

let berth: Api;
let tenant: { id: string; key: string };
const host = randomUUID();
const now = new Date();
const monthStart = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1);

async function newTask(team: string, state: 'running' | 'stopped', startedAtMs: number): Promise<string> {
  const id = randomUUID();
  await berth.database.query(
    `WITH definition AS (
       INSERT INTO task_definitions (id, tenant_id, family, revision, spec, spec_hash) VALUES ($1, $2, $3, 1, '{}', '')
       ON CONFLICT (tenant_id, family, revision) DO UPDATE SET family = excluded.family RETURNING id
     )
     INSERT INTO tasks (id, tenant_id, task_definition_id, cpu_millis, memory_mib, state, stop_code, stopped_at, host_id, started_at, tags)
     SELECT $1, $2, id, 1000, 0, $4, CASE WHEN $4 = 'stopped' THEN 'UserInitiated' END, CASE WHEN $4 = 'stopped' THEN now() END, $5, $6, $7
     FROM definition`,
    [id, tenant.id, `f-${team}`, state, host, new Date(startedAtMs), { team }],
  );
  return id;
}

const record = (taskId: string, sequence: number, fromMs: number, untilMs: number) => ({
  hostId: host as never,
  taskId: taskId as never,
  sequence,
  startedAt: new Date(fromMs).toISOString(),
  endedAt: new Date(untilMs).toISOString(),
  cpuMillis: 1000,
  memoryMiB: 0,
});
const insert = (records: ReturnType<typeof record>[]) => berth.database.transaction((manager) => insertUsage(manager, records));

beforeAll(async () => {
  berth = await startApi();
  tenant = await berth.newTenant();
  await berth.database.query("INSERT INTO hosts (id, name, state, last_seen_at) VALUES ($1, 'h', 'active', now())", [host]);
});
afterAll(() => berth?.stop());

describe('GET /v1/costs', () => {
  it('is nothing for a tenant that has used nothing', async () => {
    const { body } = await berth.as(tenant.key).get('/v1/costs').expect(200);
    expect(body).toMatchObject({ currency: 'USD', timeZone: 'UTC', total: '0', perHour: '0', forecast: '0', runningTasks: 0, groups: [] });
    expect(Date.parse(body.from)).toBe(monthStart);
  });

  it('is the month so far by groups that sum to the total, with what runs and its forecast', async () => {
    const ended = await newTask('a', 'stopped', monthStart - 3_600_000);
    // One hour before the month, and a minute in it.
    await insert([record(ended, 0, monthStart - 3_600_000, monthStart + 60_000)]);
    const alive = await newTask('b', 'running', monthStart);
    await insert([record(alive, 0, monthStart, monthStart + 60_000)]);
    const { body } = await berth.as(tenant.key).get('/v1/costs?groupBy=tag:team').expect(200);
    const hours = (Date.parse(body.until) - monthStart) / 3_600_000;
    expect(body.runningTasks).toBe(1);
    expect(body.perHour).toBe('0.03');
    expect(body.groups.map(({ key }: { key: string }) => key)).toEqual(hours > 1 / 60 ? ['b', 'a'] : expect.any(Array));
    const [b, a] = body.groups;
    expect(Number(a.total)).toBeCloseTo(0.03 / 60, 11);
    expect([a.perHour, b.perHour]).toEqual(['0', '0.03']);
    expect(Number(b.total)).toBeCloseTo(0.03 * hours, 8);
    expect(Number(body.total)).toBeCloseTo(Number(a.total) + Number(b.total), 11);
    const monthHours = (Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1) - monthStart) / 3_600_000;
    expect(Number(b.forecast)).toBeCloseTo(0.03 * monthHours, 8);
    expect(Number(body.forecast)).toBeCloseTo(Number(a.forecast) + Number(b.forecast), 11);
  });

  it('begins where it is asked to, and has no forecast then', async () => {
    const since = new Date(monthStart - 1_800_000).toISOString();
    const { body } = await berth.as(tenant.key).get(`/v1/costs?groupBy=definition&since=${since}`).expect(200);
    expect(Date.parse(body.from)).toBe(monthStart - 3_600_000);
    const a = body.groups.find(({ key }: { key: string }) => key === 'f-a:1');
    expect(Number(a.total)).toBeCloseTo(0.03 * (61 / 60), 11);
    expect([body.forecast, a.forecast]).toEqual([null, null]);
  });

  it('shows nothing of another tenant, and refuses what it does not know', async () => {
    const other = await berth.newTenant('viewer');
    expect((await berth.as(other.key).get('/v1/costs?groupBy=user')).body.total).toBe('0');
    await berth.as(other.key).get('/v1/costs?groupBy=colour').expect(422);
  });
});

describe('POST /v1/quotes', () => {
  const run = {
    definition: { family: 'web', cpuMillis: 500, memoryMiB: 2048, containers: [{ name: 'main', image: 'nowhere/none' }] },
    count: 4,
  };

  it('says what tasks would cost, and makes nothing', async () => {
    const { body } = await berth.as(tenant.key).post('/v1/quotes').send({ run, durationSeconds: 1800 }).expect(200);
    expect(body).toMatchObject({ currency: 'USD', perHour: '0.0864', total: '0.0432', priceBook: 'default:1' });
    expect(body.lines.map(({ dimension, quantity, amount }: Record<string, string>) => [dimension, quantity, amount])).toEqual([
      ['cpu', '1', '0.03'],
      ['memory', '4', '0.0132'],
    ]);
    await berth.as(tenant.key).get('/v1/task-definitions/web:1').expect(404);
  });

  it('is of a definition that there is, too, and 404 without one', async () => {
    const quote = { run: { taskDefinition: 'f-a' } };
    await berth
      .as(tenant.key)
      .post('/v1/quotes')
      .send({ run: { taskDefinition: 'none' } })
      .expect(404);
    await berth.database.query(`UPDATE task_definitions SET spec = $1`, [
      JSON.stringify({ cpuMillis: 1000, memoryMiB: 1024, containers: [] }),
    ]);
    expect((await berth.as(tenant.key).post('/v1/quotes').send(quote).expect(200)).body.total).toBe('0.0333');
  });
});
